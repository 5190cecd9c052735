import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { buildHostTable, type HostEntry } from "./host-table.ts"

function tableOf(...domains: string[]) {
  return buildHostTable(domains.map((domain) => ({ domains: [domain], value: domain })))
}

/** The sheet's sentence, word for word: exact; then longest suffix wildcard; then `*`. */
function findNaively(entries: readonly HostEntry<string>[], host: string): string | null {
  const all = entries.flatMap(({ domains, value }) => domains.map((domain) => ({ domain, value })))
  const exact = all.find(({ domain }) => domain === host && !domain.startsWith("*"))
  if (exact !== undefined) return exact.value
  let best: { domain: string; value: string } | null = null
  for (const candidate of all) {
    if (!candidate.domain.startsWith("*.")) continue
    const suffix = candidate.domain.slice(1)
    if (!host.endsWith(suffix) || host.length === suffix.length) continue
    if (best === null || candidate.domain.length > best.domain.length) best = candidate
  }
  return best?.value ?? all.find(({ domain }) => domain === "*")?.value ?? null
}

describe("host table (Istio semantics sheet 2.2)", () => {
  test("an exact name wins over a wildcard, and a wildcard over *", () => {
    const table = tableOf("*", "*.foo.com", "a.foo.com")
    expect(table.find("a.foo.com")).toBe("a.foo.com")
    expect(table.find("b.foo.com")).toBe("*.foo.com")
    expect(table.find("foo.org")).toBe("*")
  })

  test("the longest suffix wins, in whatever order they are given", () => {
    for (const table of [tableOf("*.b", "*.a.b"), tableOf("*.a.b", "*.b")]) {
      expect(table.find("x.a.b")).toBe("*.a.b")
      expect(table.find("x.y.a.b")).toBe("*.a.b")
      expect(table.find("x.b")).toBe("*.b")
      expect(table.find("a.b")).toBe("*.b")
    }
  })

  test("a suffix wildcard needs at least one character before its dot", () => {
    const table = tableOf("*.foo.com")
    expect(table.find("foo.com")).toBeNull()
    expect(table.find(".foo.com")).toBeNull()
    expect(table.find("x.foo.com")).toBe("*.foo.com")
    expect(table.find("..foo.com")).toBe("*.foo.com")
    expect(table.find("xfoo.com")).toBeNull()
  })

  test("a trailing dot is another name", () => {
    expect(tableOf("foo.com", "*.com").find("foo.com.")).toBeNull()
    expect(tableOf("foo.com", "*").find("foo.com.")).toBe("*")
  })

  test("an empty name finds only *", () => {
    expect(tableOf("foo.com", "*.com").find("")).toBeNull()
    expect(tableOf("*").find("")).toBe("*")
  })

  test("the first of two entries keeps a domain", () => {
    const table = buildHostTable([
      { domains: ["a", "*.b", "*"], value: 1 },
      { domains: ["a", "*.b", "*"], value: 2 },
    ])
    expect([table.find("a"), table.find("x.b"), table.find("c")]).toEqual([1, 1, 1])
  })

  test("names of object properties are plain names", () => {
    expect(tableOf("foo.com").find("constructor")).toBeNull()
    expect(tableOf("foo.com").find("__proto__")).toBeNull()
  })

  test("finds what a scan of all domains finds", () => {
    const label = fc.constantFrom("a", "b", "ab", "")
    const name = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join("."))
    const domain = fc.oneof(
      name,
      name.map((suffix) => `*.${suffix}`),
      fc.constant("*"),
    )
    const entries = fc
      .array(fc.array(domain, { minLength: 1, maxLength: 2 }), { maxLength: 8 })
      .map((lists) => lists.map((domains, index) => ({ domains, value: String(index) })))
    fc.assert(
      fc.property(entries, fc.array(name, { minLength: 1, maxLength: 10 }), (list, hosts) => {
        const table = buildHostTable(list)
        for (const host of hosts) expect(table.find(host)).toBe(findNaively(list, host))
      }),
      { numRuns: 5000 },
    )
  })
})
