import { describe, expect, test } from "bun:test"
import { parseRequestHead } from "../http/h1/request-head.ts"
import { DEFAULT_HTTP_LIMITS } from "../http/limits.ts"
import { RequestHead } from "../http/message.ts"
import { sanitizeRequestFields } from "./request-fields.ts"

function sanitize(...lines: readonly string[]): RequestHead {
  const head = new RequestHead()
  const text = `GET / HTTP/1.1\r\nHost: a\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n`
  expect(parseRequestHead(text, head, "https", DEFAULT_HTTP_LIMITS)).toBe(0)
  sanitizeRequestFields(head, "192.0.2.1")
  return head
}

describe("request fields (Istio semantics sheet 4.1, no trusted proxies)", () => {
  test("what goes on: the client's fields as they came, then the gateway's", () => {
    const lines = sanitize("Accept: x", "cookie: a=b").fields.lines()
    expect(lines).toMatch(
      /^Host: a\r\nAccept: x\r\ncookie: a=b\r\nx-forwarded-for: 192\.0\.2\.1\r\nx-forwarded-proto: https\r\nx-envoy-external-address: 192\.0\.2\.1\r\nx-request-id: [0-9a-f-]{36}\r\n$/,
    )
  })

  test("the peer is appended to x-forwarded-for with a comma and no space", () => {
    const head = sanitize("X-Forwarded-For: 10.0.0.1, evil", "A: b", "x-forwarded-for:", "X-FORWARDED-FOR: 10.0.0.2")
    expect(head.fieldValue("x-forwarded-for")).toBe("10.0.0.1, evil,10.0.0.2,192.0.2.1")
    expect(head.fields.lines().match(/x-forwarded-for/gi)).toEqual(["x-forwarded-for"])
  })

  test("x-forwarded-proto, x-request-id and x-envoy-external-address are replaced", () => {
    const head = sanitize("X-Forwarded-Proto: http", "X-Request-Id: mine", "X-Envoy-External-Address: 1.1.1.1")
    expect(head.fieldValue("x-forwarded-proto")).toBe("https")
    expect(head.fieldValue("x-request-id")).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    )
    expect(head.fieldValue("x-envoy-external-address")).toBe("192.0.2.1")
  })

  test("what only a trusted peer may say is removed", () => {
    const names = ["X-Envoy-Internal", "x-envoy-retry-on", "x-forwarded-client-cert", "x-envoy-upstream-rq-timeout-ms"]
    const head = sanitize(...names.map((name) => `${name}: x`))
    for (const name of names) expect([name, head.fieldValue(name.toLowerCase())]).toEqual([name, null])
  })

  test("a Referer with userinfo or a fragment, or a second one, is removed", () => {
    expect(sanitize("Referer: https://a/x").fieldValue("referer")).toBe("https://a/x")
    expect(sanitize("Referer: https://u:p@a/x").fieldValue("referer")).toBeNull()
    expect(sanitize("Referer: https://a/", "A: b", "referer: https://b/").fieldValue("referer")).toBeNull()
    expect(sanitize("Referer: https://a/", "referer: x#y", "referer: https://b/").fieldValue("referer")).toBeNull()
  })

  test("9110 section 7.6.1: hop-by-hop fields, and those that Connection names, are removed", () => {
    const head = sanitize(
      "Connection: close, X-Mine",
      "X-Mine: 1",
      "Keep-Alive: 5",
      "TE: trailers",
      "Proxy-Connection: x",
    )
    expect(head.fields.lines()).toMatch(/^Host: a\r\nx-forwarded-for:/)
  })
})
