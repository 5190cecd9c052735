import { describe, expect, test } from "bun:test"
import { findMappedLibc, ReusePortControl } from "./reuse-port-control.ts"

describe("the C library that is loaded", () => {
  for (const [what, line, path] of [
    [
      "glibc",
      "7f00-7f01 r-xp 00028000 fe:00 1311 /usr/lib/x86_64-linux-gnu/libc.so.6",
      "/usr/lib/x86_64-linux-gnu/libc.so.6",
    ],
    [
      "glibc before 2.34",
      "7f00-7f01 r-xp 00028000 fe:00 1311 /lib/x86_64-linux-gnu/libc-2.31.so",
      "/lib/x86_64-linux-gnu/libc-2.31.so",
    ],
    ["musl", "7f00-7f01 r-xp 00014000 00:2a 99   /lib/ld-musl-aarch64.so.1", "/lib/ld-musl-aarch64.so.1"],
  ] as const) {
    test(`${what} is found by its whole path`, () => {
      const maps = `5500-5600 r--p 00000000 fe:00 10 /usr/bin/portcullis\n${line}\n7fff-8000 rw-p 00000000 00:00 0 [stack]\n`
      expect(findMappedLibc(maps)).toBe(path)
    })
  }

  test("a library that only looks like one is none", () => {
    expect(findMappedLibc("7f00-7f01 r-xp 00028000 fe:00 1311 /usr/lib/libcrypt.so.1\n")).toBeNull()
    expect(findMappedLibc("7f00-7f01 r-xp 00028000 fe:00 1311 /usr/lib/libc.so.6.old\n")).toBeNull()
    expect(findMappedLibc("")).toBeNull()
  })
})

test.skipIf(process.platform !== "linux")(
  "the socket that listens on a port is found, and none where nobody listens",
  () => {
    const control = ReusePortControl.open()
    if (typeof control === "string") throw new Error(control)
    const none = new Set<number>()
    const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } })
    const { port } = listener
    const fd = control.listeningFd(port, none)
    expect("fd" in listener ? listener.fd : null).toBe(fd)
    // On another address of the same port is another one.
    const before = control.listeningFds()
    expect([...before]).toContain(fd)
    const other = Bun.listen({ hostname: "127.0.0.2", port, socket: { data() {} } })
    expect("fd" in other ? other.fd : null).toBe(control.listeningFd(port, before))
    other.stop()
    // Without SO_REUSEPORT there is no group to steer.
    expect(control.steerTo(fd, 0)).toBe(false)
    listener.stop()
    expect(control.listeningFd(port, none)).toBe(-1)
    expect(control.steerTo(-1, 0)).toBe(false)
  },
)
