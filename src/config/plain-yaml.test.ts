import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { parseDocument, stringify } from "yaml"
import { readFullYaml } from "./full-yaml.ts"
import { readPlainYaml } from "./plain-yaml.ts"
import type { SpanNode } from "./span-tree.ts"

function plain(text: string): unknown {
  return readPlainYaml(text, 0, text.length, false)?.value
}

/** What the full parser makes of the text; "refused" when it finds a problem or several documents. */
function full(text: string): unknown {
  const documents = readFullYaml(text, 0)
  if (documents.length === 0) return null
  if (documents.length > 1 || documents[0]?.problems.length !== 0) return "refused"
  return documents[0].value
}

/** The fast reader may pass; where it answers, both answers must be the same. */
function expectAgreement(text: string): void {
  const fast = readPlainYaml(text, 0, text.length, false)
  if (fast !== null) expect({ text, value: fast.value }).toEqual({ text, value: full(text) })
}

describe("the fast YAML reader", () => {
  test("reads block mappings, sequences at the key's own column, and flow collections", () => {
    const text = [
      "# A comment",
      "kind: VirtualService # another",
      "spec:",
      "  hosts:",
      '  - "*.example.com"',
      "  - 'it''s'",
      "  http:",
      "    - match: [{ uri: { prefix: /a } }, {}]",
      "      timeout: 1.5s",
      "    -",
      "      weight: 10",
      "      empty:",
      "",
      "    - - a",
      "      - -1",
    ].join("\n")
    expect(plain(text)).toEqual({
      kind: "VirtualService",
      spec: {
        hosts: ["*.example.com", "it's"],
        http: [{ match: [{ uri: { prefix: "/a" } }, {}], timeout: "1.5s" }, { weight: 10, empty: null }, ["a", -1]],
      },
    })
    expectAgreement(text)
  })

  test("reads JSON over several lines", () => {
    const value = { a: [1, true, null, "x\ny"], b: { c: "\u{1f600}" } }
    expect(plain(JSON.stringify(value, null, 2))).toEqual(value)
    expect(plain(JSON.stringify(value))).toEqual(value)
  })

  test("reads CRLF files", () => {
    expect(plain("a: 1\r\nb:\r\n- x\r\n\r\nc: y # z\r\n")).toEqual({ a: 1, b: ["x"], c: "y" })
  })

  test("leaves to the full parser what it must not decide", () => {
    const cases = [
      "a: 1\na: 2",
      "a: &x 1",
      "a: *x",
      "a: !!str 1",
      "a: |\n  text",
      "a: >-\n  text",
      "a: b\n  c",
      "a:\tb",
      "a: b\t# c",
      "\ta: b",
      "<<: {}",
      "__proto__: {}",
      "? a\n: b",
      "a: b: c",
      "a: - b",
      "a: [b: c]",
      "a: [b, c",
      "a: {b",
      'a: "b',
      "a: 'b' c",
      'a: "\\x41"',
      "a: @b",
      "a: `b",
      "a: %b",
      "- a\nb: c",
      "a: 1\n b: 2",
      "a:\n  b: 1\n c: 2",
      "a: b\n...\nc: d",
      "\n... : a",
      "scalar",
      `${"[".repeat(60)}${"]".repeat(60)}`,
    ]
    for (const text of cases) expect([text, readPlainYaml(text, 0, text.length, false)]).toEqual([text, null])
  })

  test("agrees with the full parser on scalars of every look", () => {
    const scalars =
      "1 -1 +1 01 0o17 0x1F 1.5 1. .5 -.5e3 1e3 1_000 0b1 .inf -.INF .nan NaN true True TRUE yes no on off y null Null ~ " +
      "none 12:30 1.5s 100% a#b http://a:80/x /a?b=c - -a --- . .. ... a:b :a ?a a? $a %a @a 0 -0 00 9007199254740993 " +
      '{} [] {a} [a] a,b !a &a *a |a >a \'a\' "a" "a\\tb" "\\u00e9" 2024-01-01 =a +a e3 .e3 +. -. 0x 0o8 tRue nulL ~a'
    for (const scalar of scalars.split(" ")) {
      for (const text of [`k: ${scalar}`, `- ${scalar}`, `k: [${scalar}]`, `k: [a, ${scalar}, b]`, `${scalar}: k`]) {
        expectAgreement(text)
      }
    }
  })

  test("agrees with the full parser on whatever the library writes", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        expectAgreement(stringify(value))
        expectAgreement(JSON.stringify(value, null, 1))
      }),
      { numRuns: 300 },
    )
  })

  test("agrees with the full parser on text made of YAML's pieces", () => {
    const pieces = [
      "a",
      "b",
      "1",
      ": ",
      ":",
      "- ",
      "-",
      " ",
      "  ",
      "\n",
      "\n  ",
      "#",
      " #",
      '"',
      "'",
      "{",
      "}",
      "[",
      "]",
      ",",
    ]
    const rare = ["\t", "|", ">", "&x ", "*x", "!!str ", "? ", "~", "\r\n", "<<", "\\", "...", "%", "null"]
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces, ...pieces, ...rare), { maxLength: 24 }), (parts) => {
        expectAgreement(parts.join(""))
      }),
      { numRuns: 4000 },
    )
  })

  test("agrees with the full parser on a real document with one character changed", () => {
    const document = [
      "apiVersion: networking.istio.io/v1",
      "metadata: {name: a, labels: {}}",
      "spec:",
      "  hosts: ['a.com', \"b.com\"]",
      "  http:",
      "  - match:",
      "    - uri:",
      "        prefix: /a # all",
      "    route:",
      "    - destination: { host: web, port: { number: 80 } }",
    ].join("\n")
    const character = fc.constantFrom(..." \n:-#'\"{}[],\t&*!|>?%@a1")
    fc.assert(
      fc.property(fc.nat(document.length), fc.nat(1), character, (at, drop, inserted) => {
        expectAgreement(document.slice(0, at) + inserted + document.slice(at + drop))
      }),
      { numRuns: 2000 },
    )
  })

  test("its spans start where the full parser's do", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^[a-z]{1,4}$/), fc.jsonValue()), (value) => {
        const text = stringify(value)
        const fast = readPlainYaml(text, 0, text.length, true)
        const slow = readFullYaml(text, 0)[0]
        if (fast?.spans != null && slow !== undefined) expect(starts(fast.spans)).toEqual(starts(slow.spans))
      }),
    )
  })

  test("the library it is held to reads YAML 1.2 core", () => {
    expect(parseDocument("yes", { version: "1.2", schema: "core" }).toJS()).toBe("yes")
  })
})

/** Key offsets and the starts of values that have text. */
function starts(node: SpanNode): unknown {
  const own = node.end > node.start && node.children === null ? node.start : null
  return [node.key?.start ?? null, own, [...(node.children ?? [])].map(([step, child]) => [step, starts(child)])]
}
