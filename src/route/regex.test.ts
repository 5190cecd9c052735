import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { RE2JS } from "re2js"
import { fromByteString, toByteString } from "./byte-string.ts"
import { exampleRegex } from "./example-routes.ts"
import { compileRegex, REGEX_SOURCE_CHARS_MAX, REGEX_TEXT_CHARS_MAX } from "./regex.ts"
import { parseSimplePattern } from "./simple-pattern.ts"
import { planSequence } from "./single-pass.ts"

const matches = (source: string, text: string) => exampleRegex(source).matchesWhole(text)
const replaced = (source: string, text: string, substitution: string) =>
  exampleRegex(source).replaceAll(text, substitution)

function isSinglePass(source: string): boolean {
  return parseSimplePattern(source)?.every((sequence) => planSequence(sequence) !== null) ?? false
}

describe("matchesWhole", () => {
  test("a regex must match the whole value (Istio semantics sheet 2.4)", () => {
    expect(matches("/api", "/api")).toBe(true)
    expect(matches("/api", "/api/x")).toBe(false)
    expect(matches("/api", "x/api")).toBe(false)
    expect(matches("/api/.*", "/api/x/y")).toBe(true)
    expect(matches("/api/.*", "/api")).toBe(false)
  })

  test("anchors in the text are allowed and change nothing", () => {
    expect(matches("^/api/.*$", "/api/x")).toBe(true)
    expect(matches("^/a|/b$", "/b")).toBe(true)
    expect(matches("\\$", "$")).toBe(true)
    expect(matches("a\\\\$", "a\\")).toBe(true)
  })

  test("is case-sensitive unless (?i) says otherwise", () => {
    expect(matches("/API", "/api")).toBe(false)
    expect(matches("(?i)/API[x-z]", "/apiY")).toBe(true)
    expect(matches("(?i)[^a]", "A")).toBe(false)
  })

  test("alternatives and optional groups", () => {
    for (const path of ["/v1", "/v1/", "/v1/x"]) expect(matches("/v1(/.*)?", path)).toBe(true)
    expect(matches("/v1(/.*)?", "/v1x")).toBe(false)
    expect(matches("/(users|orders)/[0-9]+", "/orders/17")).toBe(true)
    expect(matches("/(users|orders)/[0-9]+", "/orders/")).toBe(false)
    expect(matches("a||b", "")).toBe(true)
  })

  test("a suffix after .* is looked for at the end", () => {
    expect(matches(".*\\.css", "/a.css/b.css")).toBe(true)
    expect(matches(".*\\.css", "/a.css/b")).toBe(false)
    expect(matches("/a/.*\\.[a-z]{2}", "/a/.js")).toBe(true)
    expect(matches("/a.*a", "/a")).toBe(false)
    expect(matches("b[ac]*b*c", "bc")).toBe(true)
  })

  test("a dot is not a newline, unless (?s)", () => {
    expect(matches(".*", "a\nb")).toBe(false)
    expect(matches("(?s).*", "a\nb")).toBe(true)
    expect(matches("[^/]*", "a\nb")).toBe(true)
  })

  test("$ is the end of the text, not the end before a last newline", () => {
    expect(matches("a$", "a\n")).toBe(false)
    expect(matches("(a)+$", "a\n")).toBe(false)
  })

  test("\\s has no vertical tab and \\w no letter outside ASCII, as in RE2", () => {
    expect(matches("\\s", "\v")).toBe(false)
    expect(matches("\\w", toByteString("é"))).toBe(false)
    expect(matches("\\S", "\v")).toBe(true)
  })

  test("texts are UTF-8 bytes: a dot is one character", () => {
    const bytes = toByteString("é")
    expect(bytes.length).toBe(2)
    expect(matches(".", bytes)).toBe(true)
    expect(matches("..", bytes)).toBe(false)
    expect(matches("é", bytes)).toBe(true)
    expect(matches(".*b[^x]", `zb${bytes}`)).toBe(true)
    expect(matches("(?i)É", bytes)).toBe(true)
  })

  test("a text that is not UTF-8 matches nothing", () => {
    expect(matches(".*", "a\xff")).toBe(false)
    expect(matches("(?:a|.)+", "a\xff")).toBe(false)
  })

  test("a text over the limit matches nothing", () => {
    expect(matches(".*", "a".repeat(REGEX_TEXT_CHARS_MAX))).toBe(true)
    expect(matches(".*", "a".repeat(REGEX_TEXT_CHARS_MAX + 1))).toBe(false)
    expect(matches("(?:ab|a)*", "a".repeat(REGEX_TEXT_CHARS_MAX + 1))).toBe(false)
  })
})

describe("compileRegex", () => {
  test("what RE2 does not have is an error, not an exception", () => {
    for (const source of ["(", "[a", "a**", "(?=a)", "(?<=a)b", "\\1", "a{1001}", "*", "\\"]) {
      expect(compileRegex(source)).toHaveProperty("error")
    }
  })

  test("an empty pattern and one over 1024 characters are errors (Istio semantics sheet 2.4)", () => {
    expect(compileRegex("")).toHaveProperty("error")
    expect(compileRegex("a".repeat(REGEX_SOURCE_CHARS_MAX))).not.toHaveProperty("error")
    expect(compileRegex("a".repeat(REGEX_SOURCE_CHARS_MAX + 1))).toHaveProperty("error")
  })

  test("never throws, whatever the source", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary", maxLength: 20 }),
        fc.string({ unit: "binary", maxLength: 20 }),
        (source, text) => {
          const regex = compileRegex(source)
          if (!("error" in regex)) {
            regex.matchesWhole(text)
            regex.replaceAll(text, source)
          }
        },
      ),
      { numRuns: 2000 },
    )
  })

  test("knows the literal start of simple patterns", () => {
    expect(exampleRegex("/api/v1/.*").literalPrefix).toBe("/api/v1/")
    expect(exampleRegex("^/api/(users|uploads)/.*").literalPrefix).toBe("/api/u")
    expect(exampleRegex("/api/?").literalPrefix).toBe("/api")
    expect(exampleRegex("(?i)/api").literalPrefix).toBe("/")
    expect(exampleRegex("/a|").literalPrefix).toBe("")
    expect(exampleRegex(".*").literalPrefix).toBe("")
  })

  test("counts capture groups", () => {
    expect(exampleRegex("/(a)/(?:b)/(c)?").groupCount).toBe(2)
  })
})

describe("single pass", () => {
  test("takes the patterns gateways are full of", () => {
    for (const source of [
      ".*",
      "/api/.*",
      "^/api/v[0-9]+/users/[^/]+(/.*)?$",
      "(?i)/static/.*\\.css",
      "/(en|de|fr)/.*",
      "[0-9a-f]{8}-[0-9a-f]{4}",
      ".*\\.example\\.com(:[0-9]+)?",
    ]) {
      expect([source, isSinglePass(source)]).toEqual([source, true])
    }
  })

  test("leaves what could need a second look to the automaton", () => {
    for (const source of [
      "/a.*b.*c",
      "(ab)*",
      "a*?",
      "\\bfoo\\b",
      "[[:alpha:]]",
      "\\pL",
      "(?P<x>a)",
      "a+a*",
      "[a-c-e]",
      ".*[0-9]*",
    ]) {
      expect([source, isSinglePass(source)]).toEqual([source, false])
    }
  })

  const patternPiece = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom("a", "b", "/", "\\.", "-", "1", "A") },
    {
      weight: 4,
      arbitrary: fc.constantFrom(
        ".",
        "[ab]",
        "[^/]",
        "[^a]",
        "\\d",
        "\\w",
        "[a-c1]",
        "\\S",
        "\\W",
        "[-a]",
        "[.]",
        "é",
        "[^é]",
      ),
    },
    { weight: 2, arbitrary: fc.constantFrom("(a|b)", "(?:/a)?", "(/.*)?", "(a|ab|)", "(?:a+|b)") },
    { weight: 1, arbitrary: fc.constantFrom("|", "^", "$", "(", ")", "{", "]", "\\", "(?i)", "\\s") },
  )
  const quantifier = fc.oneof(
    { weight: 5, arbitrary: fc.constant("") },
    { weight: 3, arbitrary: fc.constantFrom("*", "+", "?", "{2}", "{1,2}", "{1,}", "{0}", "*?") },
  )
  const pattern = fc
    .tuple(
      fc.constantFrom("", "", "", "(?i)", "(?s)", "^"),
      fc.array(fc.tuple(patternPiece, quantifier), { minLength: 1, maxLength: 6 }),
      fc.constantFrom("", "", "$"),
    )
    .map(([start, pieces, end]) => start + pieces.map(([piece, count]) => piece + count).join("") + end)
  const text = fc
    .array(fc.constantFrom("a", "b", "/", ".", "-", "1", "A", "B", "\n", "c", "\xc3\xa9", "\xff"), { maxLength: 7 })
    .map((chars) => chars.join(""))

  test("agrees with re2js on every pattern and text", () => {
    let singlePassCount = 0
    let matchCount = 0
    fc.assert(
      fc.property(pattern, fc.array(text, { minLength: 1, maxLength: 12 }), (source, texts) => {
        const regex = compileRegex(source)
        if ("error" in regex) return
        if (isSinglePass(source)) singlePassCount++
        const automaton = RE2JS.compile(source)
        for (const candidate of texts) {
          const decoded = fromByteString(candidate)
          const expected = decoded !== null && automaton.testExact(decoded)
          if (expected) matchCount++
          expect([source, candidate, regex.matchesWhole(candidate)]).toEqual([source, candidate, expected])
          if (expected) expect(candidate.startsWith(regex.literalPrefix)).toBe(true)
        }
      }),
      { numRuns: 20_000 },
    )
    // The property is worth something only if it gets there.
    expect(singlePassCount).toBeGreaterThan(5000)
    expect(matchCount).toBeGreaterThan(2000)
  })
})

describe("replaceAll", () => {
  test("replaces every occurrence, unanchored (Istio semantics sheet 3.2)", () => {
    expect(replaced("/a", "/a/a/b", "/x")).toBe("/x/x/b")
    expect(replaced("a+", "aabaa", "-")).toBe("-b-")
  })

  test("\\1 to \\9 are groups, \\0 the whole match, \\\\ a backslash", () => {
    expect(replaced("^/service/([^/]+)(/.*)$", "/service/foo/v1/api", "\\2/instance/\\1")).toBe("/v1/api/instance/foo")
    expect(replaced("b", "abc", "[\\0]")).toBe("a[b]c")
    expect(replaced("b", "abc", "\\\\")).toBe("a\\c")
    expect(replaced("b", "abc", "$&$1")).toBe("a$&$1c")
  })

  test("a group that took no part is empty", () => {
    expect(replaced("(a)|(b)", "ab", "<\\1\\2>")).toBe("<a><b>")
  })

  test("an empty match is not taken right after another match, as in RE2", () => {
    expect(replaced("b*", "abb", "-")).toBe("-a-")
    expect(replaced("x*", "abc", "-")).toBe("-a-b-c-")
  })

  test("an invalid substitution changes nothing, as in RE2", () => {
    expect(replaced("a", "aaa", "\\1")).toBe("aaa")
    expect(replaced("a", "aaa", "\\x")).toBe("aaa")
    expect(replaced("a", "aaa", "\\")).toBe("aaa")
  })

  test("works on UTF-8 bytes", () => {
    expect(replaced(".", toByteString("é"), "x")).toBe("x")
    expect(replaced("e", "e", "é")).toBe(toByteString("é"))
    expect(replaced(".", "a\xff", "x")).toBe("a\xff")
  })
})
