import { expect, test } from "bun:test"
import { SharedPorts } from "./shared-ports.ts"

for (const [claimed, asked, isClaimed] of [
  ["127.0.0.1", "127.0.0.1", true],
  ["127.0.0.1", "127.0.0.2", false],
  ["0.0.0.0", "127.0.0.1", true],
  ["127.0.0.1", "0.0.0.0", true],
  // Both families of one listener: bound apart.
  ["0.0.0.0", "::", false],
  ["::", "::1", true],
  ["::", "127.0.0.1", false],
  ["*", "127.0.0.1", true],
  ["*", "::", true],
  ["::1", "*", true],
  // A name may be any address of its machine.
  ["0.0.0.0", "localhost", true],
  ["::", "localhost", true],
] as const) {
  test(`with ${claimed} claimed, ${asked} is ${isClaimed ? "taken" : "free"} on the same port, and free on another`, () => {
    const ports = new SharedPorts(null)
    ports.claim(claimed, 80)
    expect(ports.isClaimed(asked, 80)).toBe(isClaimed)
    expect(ports.isClaimed(asked, 81)).toBe(false)
  })
}

test("what is given back is free, and giving back twice takes nothing from another", () => {
  const ports = new SharedPorts(null)
  const release = ports.claim("127.0.0.1", 80)
  release()
  expect(ports.isClaimed("127.0.0.1", 80)).toBe(false)
  ports.claim("127.0.0.1", 80)
  release()
  expect(ports.isClaimed("127.0.0.1", 80)).toBe(true)
})

test("port 0 is never taken: the system chooses one", () => {
  const ports = new SharedPorts(null)
  ports.claim("0.0.0.0", 0)
  expect(ports.isClaimed("0.0.0.0", 0)).toBe(false)
})
