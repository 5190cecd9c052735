import { describe, expect, test } from "bun:test"
import { isIPv6 } from "node:net"
import fc from "fast-check"
import { hostWithoutPort, isValidAuthority } from "./authority.ts"

describe("isValidAuthority (RFC 3986 section 3.2)", () => {
  test("names, addresses and ports", () => {
    for (const text of [
      "example.com",
      "Example.COM:8080",
      "a",
      "localhost:0",
      "foo.com.",
      "x_y-z~.test",
      "a%2Fb",
      "127.0.0.1:65535",
      "999.1",
      "foo.com:",
      "[::1]",
      "[::1]:443",
      "[2001:DB8::1]",
      "[::ffff:192.0.2.1]:1",
      "[1:2:3:4:5:6:7:8]",
    ]) {
      expect([text, isValidAuthority(text)]).toEqual([text, true])
    }
  })

  test("everything else is refused", () => {
    for (const text of [
      "",
      ":80",
      "a b",
      "user@host",
      "a/b",
      "a?b",
      "a#b",
      "a\\b",
      "http://a",
      "a:b",
      "a:80:90",
      "a:65536",
      "a:000080",
      "a:-1",
      "a%2",
      "a%zz",
      "é",
      "a\0",
      "[::1",
      "::1",
      "[]",
      "[::1]x",
      "[::1]:x",
      "[::1%25eth0]",
      "[v1.a]",
      "[1:2:3:4:5:6:7]",
      "[1::2::3]",
      "[1:2:3:4:5:6:7::8]",
      "[12345::]",
      "[::192.0.2.1.5]",
      "[::256.0.0.1]",
      "[192.0.2.1::]",
      "a[",
      "a]",
    ]) {
      expect([text, isValidAuthority(text)]).toEqual([text, false])
    }
  })

  test("agrees with the platform on IPv6 addresses", () => {
    const group = fc.constantFrom("0", "1", "abcd", "ABCD", "12345", "", "1.2.3.4", "g")
    const address = fc.array(fc.oneof(group, fc.constant(":")), { maxLength: 9 }).map((groups) => groups.join(":"))
    fc.assert(
      fc.property(fc.oneof(address, fc.ipV6()), (text) => {
        expect([text, isValidAuthority(`[${text}]`)]).toEqual([text, isIPv6(text)])
      }),
      { numRuns: 5000 },
    )
  })

  test("never throws", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        isValidAuthority(text)
        isValidAuthority(`[${text}]`)
        hostWithoutPort(text)
      }),
    )
  })
})

describe("hostWithoutPort (Istio semantics sheet 2.2)", () => {
  test("cuts the port and lower-cases", () => {
    expect(hostWithoutPort("Foo.COM:8080")).toBe("foo.com")
    expect(hostWithoutPort("foo.com:")).toBe("foo.com")
    expect(hostWithoutPort("foo.com")).toBe("foo.com")
  })

  test("IPv6 brackets are respected", () => {
    expect(hostWithoutPort("[::1]")).toBe("[::1]")
    expect(hostWithoutPort("[2001:DB8::1]:443")).toBe("[2001:db8::1]")
  })

  test("a trailing dot stays", () => {
    expect(hostWithoutPort("foo.com.")).toBe("foo.com.")
    expect(hostWithoutPort("foo.com.:80")).toBe("foo.com.")
  })
})
