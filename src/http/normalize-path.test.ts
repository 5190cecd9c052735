import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { normalizePath } from "./normalize-path.ts"

function expectAll(pairs: Readonly<Record<string, string | null>>) {
  for (const [target, expected] of Object.entries(pairs)) {
    expect([target, normalizePath(target)]).toEqual([target, expected])
  }
}

describe("BASE normalisation (Istio semantics sheet 2.5)", () => {
  test("dot segments are resolved, and dropped above the root", () => {
    expectAll({
      "/a/../b": "/b",
      "/../x": "/x",
      "/a/./b": "/a/b",
      "/a/b/../../../../c": "/c",
      "/..": "/",
      "/.": "/",
      "/a/..": "/",
      "/a/b/..": "/a/",
      "/a/b/.": "/a/b/",
      "/./a": "/a",
      "/a//../b": "/a/b",
      "//..": "/",
      "/a/../?x": "/?x",
      "/a/..#f": "/",
    })
  })

  test("dots that are no dot segment stay", () => {
    expectAll({
      "/.well-known/x": "/.well-known/x",
      "/...": "/...",
      "/a../b": "/a../b",
      "/a/..b": "/a/..b",
      "/..a": "/..a",
      "/a.b.": "/a.b.",
    })
  })

  test("dot segments may be escaped, in any spelling", () => {
    expectAll({
      "/a/%2e%2e/b": "/b",
      "/a/%2E./b": "/b",
      "/a/.%2e/b": "/b",
      "/a/%2e/b": "/a/b",
      "/a/b%2ec": "/a/b.c",
      "/a/.%2e": "/",
      "/a/%2e%2e%2f": "/a/..%2f",
    })
  })

  test("a backslash becomes a slash, also around dot segments; an escaped one stays", () => {
    expectAll({
      "/a\\b": "/a/b",
      "/a/..\\c": "/c",
      "/a\\..\\c": "/c",
      "/a\\..": "/",
      "/%5c%25": "/%5c%25",
    })
  })

  test("slashes are neither merged nor decoded", () => {
    expectAll({ "/a//b": "/a//b", "//": "//", "/a%2Fb": "/a%2Fb", "/a/%2F%2f/c": "/a/%2F%2f/c" })
  })

  test("escapes of unreserved characters are decoded, others keep their case", () => {
    expectAll({
      "/%41%7a%30%2D%5f%7E": "/Az0-_~",
      "/%c0%af": "/%c0%af",
      "/%3F%23": "/%3F%23",
      "/%2b%20": "/%2b%20",
    })
  })

  test("illegal bytes are escaped, legal ones stay", () => {
    expectAll({
      '/ "<>^`{|}': "/%20%22%3C%3E%5E%60%7B%7C%7D",
      "/\x01\x7f\x80\xff": "/%01%7F%80%FF",
      "/!$&'()*+,-:;=@[]_~": "/!$&'()*+,-:;=@[]_~",
    })
  })

  test("the query is never touched", () => {
    expectAll({
      "/a?b=/../c%2e\\ {": "/a?b=/../c%2e\\ {",
      "/a/../b?/../x": "/b?/../x",
      "/a?%00%zz": "/a?%00%zz",
    })
  })

  test("a fragment is cut off", () => {
    expectAll({ "/a#b": "/a", "/a?b#c?d": "/a?b", "/a#b?c": "/a", "/#": "/", "/a?#": "/a?" })
  })

  test("a NUL fails, raw or escaped (Envoy path_utility_test InvalidPaths)", () => {
    expectAll({
      "/xyz/.%00../abc": null,
      "/xyz/%00.%00./abc": null,
      "/xyz/AAAAA%%0000/abc": null,
      "/a\0b": null,
    })
  })

  test("a % that starts no escape stays, and never becomes the start of one", () => {
    expectAll({
      "/100%": "/100%",
      "/%zz/%4": "/%zz/%4",
      "/%%34%31": "/%2541",
      "/%%341": "/%2541",
      "/%4%31": "/%2541",
      "/%%32%65%%32%65/x": "/%252e%252e/x",
      "/%%zz": "/%%zz",
      "/%%25": "/%%25",
    })
  })

  test("what is not in origin form, or holds more than bytes, fails", () => {
    expectAll({ "": null, "*": null, "a/b": null, "\\a": null, "?a": null, "/\u0100": null })
  })

  test("a path with nothing to do is the same string", () => {
    for (const target of ["/", "/a/b.c/%2F?x=..#".slice(0, -1), "/.well-known/..x"]) {
      expect(Object.is(normalizePath(target), target)).toBe(true)
    }
  })
})

describe("properties", () => {
  const piece = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom("/", ".", "..", "%2e", "%2E", "\\", "%", "%2", "%5c", "%2f", "//") },
    {
      weight: 2,
      arbitrary: fc.constantFrom("a", "4", "1", "e", "%41", "%34", "%32", "%25", "%20", " ", "é", "?", "#"),
    },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) },
  )
  const target = fc.array(piece, { maxLength: 12 }).map((pieces) => `/${pieces.join("")}`)

  test("normalising twice is normalising once", () => {
    fc.assert(
      fc.property(target, (text) => {
        const once = normalizePath(text)
        if (once !== null) expect(normalizePath(once)).toBe(once)
      }),
      { numRuns: 20_000 },
    )
  })

  test("the path never keeps a dot segment, a backslash, a fragment or an illegal byte, and starts with a slash", () => {
    fc.assert(
      fc.property(target, (text) => {
        const normalized = normalizePath(text)
        if (normalized === null) return
        const path = normalized.split("?")[0] ?? ""
        expect(path).toMatch(/^\/[!$%&'()*+,./0-9:;=@A-Z[\]_a-z~-]*$/)
        for (const segment of path.split("/")) expect(segment).not.toMatch(/^\.\.?$/)
        expect(path).not.toMatch(/%2e/i)
        expect(normalized).not.toContain("#")
      }),
      { numRuns: 20_000 },
    )
  })

  test("fails exactly on a NUL in the path", () => {
    fc.assert(
      fc.property(target, (text) => {
        const path = text.split(/[?#]/)[0] ?? ""
        expect(normalizePath(text) === null).toBe(hasNul(path))
      }),
      { numRuns: 5000 },
    )
  })
})

/** Escapes are read from the left; `%%00` holds one. */
function hasNul(path: string): boolean {
  const tokens: readonly string[] = path.match(/%[0-9a-f]{2}|./gis) ?? []
  return tokens.some((token) => token === "%00" || token === "\0")
}
