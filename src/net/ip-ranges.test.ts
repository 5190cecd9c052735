import { expect, test } from "bun:test"
import { IpRanges } from "./ip-ranges.ts"

test("an address is in a range of its own family, and in no other", () => {
  const ranges = new IpRanges([
    { address: "10.0.0.0", prefixLength: 8 },
    { address: "192.0.2.7", prefixLength: 32 },
    { address: "2001:db8::", prefixLength: 32 },
  ])
  const inside = ["10.0.0.0", "10.255.255.255", "192.0.2.7", "2001:db8::1", "2001:db8:ffff::"]
  const outside = ["11.0.0.0", "9.255.255.255", "192.0.2.6", "2001:db9::", "::1", "", "10.0.0", "localhost"]
  expect(inside.filter((ip) => !ranges.has(ip))).toEqual([])
  expect(outside.filter((ip) => ranges.has(ip))).toEqual([])
})

test("length 0 holds a whole family", () => {
  const ranges = new IpRanges([{ address: "0.0.0.0", prefixLength: 0 }])
  expect([ranges.has("203.0.113.9"), ranges.has("::1")]).toEqual([true, false])
})

test("no range holds nobody", () => {
  expect(new IpRanges([]).has("127.0.0.1")).toBe(false)
})
