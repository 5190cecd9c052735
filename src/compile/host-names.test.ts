import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { runAtOnce } from "../config/steps.ts"
import { compareSpecificity, covers, HostIndex, narrowerHost } from "./host-names.ts"

describe("the narrower of two host names (Istio semantics sheet 1.5)", () => {
  test.each([
    ["*.foo.com", "a.foo.com", "a.foo.com"],
    ["a.foo.com", "*.foo.com", "a.foo.com"],
    ["a.foo.com", "*", "a.foo.com"],
    ["*.com", "*.foo.com", "*.foo.com"],
    ["*.foo.com", "*.foo.com", "*.foo.com"],
    ["*", "*", "*"],
    ["*.foo.com", "a.b.foo.com", "a.b.foo.com"],
  ])("%s and %s share %s", (left, right, narrower) => {
    expect(narrowerHost(left, right)).toBe(narrower)
  })

  test.each([
    ["*.foo.com", "foo.com"],
    ["*.foo.com", ".foo.com"],
    ["*.foo.com", "*.com.foo"],
    ["a.foo.com", "b.foo.com"],
    ["*.foo.com", "xfoo.com"],
  ])("%s and %s share nothing", (left, right) => {
    expect(narrowerHost(left, right)).toBeNull()
  })
})

test("specificity puts exact names first, then the longest, then the alphabet (Istio semantics sheet 1.6)", () => {
  const hosts = ["*", "*.b.com", "b.com", "*.a.com", "aa.com", "a.com"]
  expect(hosts.toSorted(compareSpecificity)).toEqual(["aa.com", "a.com", "b.com", "*.a.com", "*.b.com", "*"])
})

const label = fc.constantFrom("a", "b", "foo")
const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join("."))
const host = fc.oneof(
  name,
  name.map((each) => `*.${each}`),
  fc.constant("*"),
)

test("an index finds exactly what comparing every pair finds", () => {
  fc.assert(
    fc.property(fc.array(host, { maxLength: 30 }), host, (indexed, asked) => {
      const index = new HostIndex<number>()
      for (const [owner, each] of indexed.entries()) index.add(each, owner)
      const found: string[] = []
      runAtOnce(index.forEachShared(asked, (narrower, owner) => found.push(`${owner} ${narrower}`)))
      const expected = indexed.flatMap((each, owner) => {
        const narrower = narrowerHost(asked, each)
        return narrower === null ? [] : [`${owner} ${narrower}`]
      })
      expect(found.toSorted()).toEqual(expected.toSorted())
    }),
  )
})

test("covering is transitive", () => {
  fc.assert(
    fc.property(host, host, host, (wide, middle, narrow) => {
      if (covers(wide, middle) && covers(middle, narrow)) expect(covers(wide, narrow)).toBe(true)
    }),
  )
})
