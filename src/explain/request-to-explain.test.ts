import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { parseHeader, parseUrl, requestHeadBytes } from "./request-to-explain.ts"

describe("URLs", () => {
  test.each([
    ["http://a.example", { scheme: "http", authority: "a.example", host: "a.example", port: 80, target: "/" }],
    [
      "https://a.example/x?y#z",
      { scheme: "https", authority: "a.example", host: "a.example", port: 443, target: "/x?y" },
    ],
    ["a.example:8080/x", { scheme: "http", authority: "a.example:8080", host: "a.example", port: 8080, target: "/x" }],
    ["http://[::1]:81?q", { scheme: "http", authority: "[::1]:81", host: "::1", port: 81, target: "/?q" }],
    ["HTTP://a/../b//c", { scheme: "http", authority: "a", host: "a", port: 80, target: "/../b//c" }],
    ["http://a/é", { scheme: "http", authority: "a", host: "a", port: 80, target: "/\u00c3\u00a9" }],
  ])("%s", (url, expected) => {
    expect(parseUrl(url)).toMatchObject(expected)
  })

  test.each([["/path"], [""], ["ftp://a/"], ["http://a:0/"], ["http://a:65536/"], ["http://u:p@a/"], ["http:///x"]])(
    "%j is none, and the error says why",
    (url) => {
      expect(parseUrl(url)).toHaveProperty("error")
    },
  )

  test("parsing never throws", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (url) => void parseUrl(url)))
  })
})

describe("headers", () => {
  test("NAME: VALUE, the value trimmed", () => {
    expect(parseHeader("x-a:  b: c ")).toEqual({ name: "x-a", value: "b: c" })
  })

  test.each([["no colon"], [": empty name"], ["x: a\r\ny: b"], ["x: \0"]])("%j is refused", (line) => {
    expect(parseHeader(line)).toHaveProperty("error")
  })
})

test("a Host among the headers replaces the URL's", () => {
  const url = parseUrl("http://10.0.0.7/x")
  if ("error" in url) throw new Error(url.error)
  const request = { method: "GET", url: "", serverName: null, gateway: null, clientCertificatePem: "" }
  expect(requestHeadBytes({ ...request, headers: [] }, url)).toBe("GET /x HTTP/1.1\r\nHost: 10.0.0.7\r\n\r\n")
  const headers = [{ name: "HOST", value: "a.example" }]
  expect(requestHeadBytes({ ...request, headers }, url)).toBe("GET /x HTTP/1.1\r\nHOST: a.example\r\n\r\n")
})
