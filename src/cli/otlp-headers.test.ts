import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { parseOtlpHeaders } from "./otlp-headers.ts"
import { isUsageError, renderUsageError } from "./usage-error.ts"

describe("--tracing-otlp-headers, as OTEL_EXPORTER_OTLP_HEADERS", () => {
  test.each([
    ["", {}],
    ["api-key=abc", { "api-key": "abc" }],
    ["Authorization=Bearer%20a.b-c,X-Tenant=shop", { authorization: "Bearer a.b-c", "x-tenant": "shop" }],
    [" a = 1 , b = 2 ,", { a: "1", b: "2" }],
    ["authorization=Basic%20dXNlcjpwYXNz==", { authorization: "Basic dXNlcjpwYXNz==" }],
    ["a=1%2C2%3D3%25", { a: "1,2=3%" }],
  ])("%p", (text, headers) => {
    expect(parseOtlpHeaders(text)).toEqual(headers)
  })

  test.each([
    ["s3cret", "entry 1 is not NAME=VALUE"],
    ["a=1,s3cret", "entry 2 is not NAME=VALUE"],
    ["=s3cret", "entry 1 is not NAME=VALUE"],
    ["s3 cret=1", "entry 1 is not NAME=VALUE"],
    ["a=", "entry 1 has no value"],
    ["a=%20", "entry 1 has no value"],
    ["a=s3cret%", "the value of entry 1 is not percent-encoded"],
    ["a=s3cret%ff", "the value of entry 1 is not percent-encoded"],
    ["a=s3cret%0d%0aHost: b", "the value of entry 1 is no header value"],
    ["a=s3cret%C3%A9", "the value of entry 1 is no header value"],
    ["a=s3cret,A=2", "entry 2 has a name that was given before"],
    ["Content-Type=s3cret", "content-type is set by the gateway"],
  ])("%p is refused, and not repeated", (text, reason) => {
    const outcome = parseOtlpHeaders(text)
    if (!isUsageError(outcome)) throw new Error("it was taken")
    expect(outcome.message).toStartWith(`--tracing-otlp-headers: ${reason}`)
    expect(renderUsageError(outcome)).not.toContain("s3")
  })

  test("what is encoded is read back, and fetch takes it", () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,9}$/).map((text) => `x-${text}`)
    const value = fc.stringMatching(/^[!-~]([ -~]{0,19}[!-~])?$/)
    fc.assert(
      fc.property(fc.dictionary(name, value), (headers) => {
        const text = Object.entries(headers)
          .map(([key, each]) => `${key}=${encodeURIComponent(each)}`)
          .join(",")
        expect(parseOtlpHeaders(text)).toEqual({ ...headers })
        expect(Object.fromEntries(new Headers(headers))).toEqual({ ...headers })
      }),
    )
  })

  test("any text is read or refused; what is read, fetch takes", () => {
    const text = fc.oneof(fc.string(), fc.stringMatching(/^[a-c=,% 0-9\t\n]{0,30}$/))
    fc.assert(
      fc.property(text, (given) => {
        const outcome = parseOtlpHeaders(given)
        if (!isUsageError(outcome)) new Headers({ ...outcome })
      }),
    )
  })
})
