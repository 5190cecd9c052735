import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import type { Diagnostic } from "./diagnostics.ts"
import { parseResources } from "./parse-resources.ts"

function parse(text: string) {
  return parseResources([{ path: "routes.yaml", text }])
}

function codes(diagnostics: readonly Diagnostic[]): readonly string[] {
  return diagnostics.map((diagnostic) => diagnostic.code)
}

function only(text: string): Diagnostic {
  const { diagnostics } = parse(text)
  expect(diagnostics).toHaveLength(1)
  const [first] = diagnostics
  if (first === undefined) throw new Error("no diagnostic")
  return first
}

/** A VirtualService whose `http` is given, three spaces and up of indentation. */
function virtualService(http: string, name = "shop"): string {
  return [
    "apiVersion: networking.istio.io/v1",
    "kind: VirtualService",
    `metadata: {name: ${name}}`,
    "spec:",
    "  hosts: [shop.example.com]",
    "  gateways: [edge]",
    "  http:",
    http,
  ].join("\n")
}

const forward = "  - route: [{destination: {host: web}}]"

describe("parseResources", () => {
  test("gives typed resources with metadata's defaults", () => {
    const { value, diagnostics } = parse(virtualService(forward))
    expect(diagnostics).toEqual([])
    expect(value[0]).toMatchObject({
      kind: "VirtualService",
      metadata: { name: "shop", namespace: "default", labels: {}, annotations: {}, creationUnixMs: 0 },
      spec: { hosts: ["shop.example.com"], http: [{ route: [{ destination: { host: "web" } }] }] },
    })
  })

  test("metadata written by tools is accepted: null timestamps, managedFields, annotations", () => {
    const text = virtualService(forward).replace(
      "{name: shop}",
      "{name: shop, namespace: prod, creationTimestamp: null, managedFields: [], annotations: null, labels: {a: b}}",
    )
    expect(parse(text).value[0]?.metadata).toMatchObject({ namespace: "prod", labels: { a: "b" }, creationUnixMs: 0 })
    const dated = text.replace("creationTimestamp: null", "creationTimestamp: 2024-01-02T03:04:05Z")
    expect(parse(dated).value[0]?.metadata.creationUnixMs).toBe(Date.UTC(2024, 0, 2, 3, 4, 5))
  })

  test("locates a field, and the nearest parent of one that does not exist", () => {
    const resource = parse(`---\n${virtualService(forward)}`).value[0]
    expect(resource?.locate(["spec", "http", 0, "route", 0, "destination", "host"])).toEqual({
      file: "routes.yaml",
      line: 9,
      column: 34,
      endColumn: 37,
    })
    expect(resource?.locate(["spec", "http", 0, "timeout"])).toMatchObject({ line: 9, column: 5 })
    expect(resource?.locate(["spec", "nothing"])).toMatchObject({ line: 5, column: 1, endColumn: 5 })
  })

  test("locates fields in documents that only the full parser reads", () => {
    const text = `# A comment\n---\n${virtualService(forward)}\n    name: &a x\n    headers: {}\n`
    const resource = parse(`${virtualService(forward, "first")}\n${text}`).value[1]
    expect(resource?.locate(["spec", "http", 0, "name"])).toMatchObject({ line: 19, column: 14 })
  })

  test("reads JSON, several documents, and the items of a List", () => {
    const gateway = {
      apiVersion: "networking.istio.io/v1beta1",
      kind: "Gateway",
      metadata: { name: "edge" },
      spec: { servers: [{ port: { number: 80, name: "http", protocol: "HTTP" }, hosts: ["*"] }] },
    }
    const list = JSON.stringify({ apiVersion: "v1", kind: "List", items: [gateway] }, null, 2)
    const { value, diagnostics } = parse(`${list}\n---\n\n---\n# Nothing\n---\n${virtualService(forward)}`)
    expect(diagnostics).toEqual([])
    expect(value.map((resource) => resource.kind)).toEqual(["Gateway", "VirtualService"])
    expect(value[0]?.locate(["spec", "servers", 0, "port", "number"])).toMatchObject({ line: 15, column: 25 })
  })

  test("a file with an error still yields its other resources and their errors", () => {
    const broken = virtualService("  - rout: []")
    const { value, diagnostics } = parse(
      [virtualService(forward), broken.replace("shop", "b"), "a: [", virtualService("  - {}", "c")].join("\n---\n"),
    )
    expect(value.map((resource) => resource.metadata.name)).toEqual(["shop", "c"])
    expect(diagnostics.map(({ code, line }) => [code, line])).toEqual([
      ["P2001", 17],
      ["P1101", 19],
      ["P2205", 28],
    ])
  })

  test("an unknown field is an error at its key, with a near name", () => {
    expect(only(virtualService(forward.replace("route", "rout")))).toEqual({
      severity: "error",
      code: "P2001",
      message: "unknown field `rout`",
      file: "routes.yaml",
      line: 8,
      column: 5,
      endColumn: 9,
      resource: "VirtualService default/shop",
      path: "spec.http[0].rout",
      hint: 'did you mean "route"?',
    })
  })

  test("an unknown field says where its name does belong", () => {
    const hint = (http: string): string => only(virtualService(http)).hint
    expect(hint("  - route: [{host: web, destination: {host: web}}]")).toBe("`host` belongs under `destination`")
    expect(hint(`${forward}\n    match: [{uri: {prefix: /a, method: {exact: GET}}}]`)).toBe(
      "`method` belongs to `spec.http[0].match[0]`: check the indentation",
    )
    expect(hint("  - route: [{timeout: 1s, destination: {host: web}}]")).toBe(
      "`timeout` belongs to `spec.http[0]`: check the indentation",
    )
  })

  test("an unknown field in place of the one wanted is one error, not two", () => {
    expect(only(virtualService(`${forward}\n    match: [{uri: {perfix: /a}}]`)).hint).toBe('did you mean "prefix"?')
  })

  test("a number where text is expected says how to quote it", () => {
    const found = only(virtualService(`${forward}\n    match: [{headers: {x-v: {exact: 1}}}]`))
    expect([found.code, found.message, found.hint]).toEqual([
      "P2002",
      "expected text, found the number 1",
      'quote it: "1"',
    ])
  })

  test("a null field is an error that says so", () => {
    expect(only(virtualService(`${forward}\n    match:`)).message).toBe("expected a list, found nothing (null)")
  })

  test("unknown enum values, missing fields and wrong kinds", () => {
    const cases: readonly (readonly [string, string, string])[] = [
      ["  - redirect: {derivePort: FROM_REQUEST_PROT}", "P2004", 'did you mean "FROM_REQUEST_PORT"?'],
      ["  - route: [{weight: 1}]", "P2003", ""],
      ["  - route: {destination: {host: a}}", "P2002", 'start the item with "- "'],
      ['  - redirect: {port: "80"}', "P2002", "remove the quotes"],
    ]
    for (const [http, code, hint] of cases) {
      const found = only(virtualService(http))
      expect([http, found.code, found.hint]).toEqual([http, code, hint])
    }
  })

  test("a resource of the same kind, namespace and name twice is an error that names the first", () => {
    const { value, diagnostics } = parseResources([
      { path: "a.yaml", text: virtualService(forward) },
      { path: "b.yaml", text: virtualService(forward) },
    ])
    expect(value).toHaveLength(1)
    expect(diagnostics).toMatchObject([
      { code: "P1204", file: "b.yaml", line: 3, hint: "the first one is at a.yaml:3" },
    ])
  })

  test("other kinds and API groups give one warning each, however many there are", () => {
    const other = "apiVersion: networking.k8s.io/v1\nkind: Ingress"
    const gatewayApi = "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway"
    const { value, diagnostics } = parse([other, gatewayApi, other, other].join("\n---\n"))
    expect(value).toEqual([])
    expect(diagnostics).toMatchObject([
      { severity: "warning", code: "P1203", line: 2 },
      { severity: "warning", code: "P1203", line: 5 },
    ])
    expect(diagnostics[0]?.message).toContain("3 of them")
  })

  test("a wrong apiVersion of a known kind, and a misspelt kind, are errors", () => {
    const cases: readonly (readonly [string, string, string])[] = [
      ["networking.istio.io/v2", "Gateway", "P1202"],
      ["v1", "Gateway", "P1202"],
      ["networking.itsio.io/v1", "Gateway", "P1202"],
      ["networking.istio.io/v1", "VirtualServise", "P1202"],
      ["networking.istio.io/v1", "Sidecar", "P1203"],
      ["serving.knative.dev/v1", "Service", "P1203"],
    ]
    for (const [apiVersion, kind, code] of cases) {
      expect([kind, only(`apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: a}`).code]).toEqual([kind, code])
    }
  })

  test("documents that are no Kubernetes objects, and objects without a name", () => {
    const text = ["- a", "a: b", "kind: Gateway", virtualService(forward).replace("{name: shop}", "{}")].join("\n---\n")
    expect(codes(parse(text).diagnostics)).toEqual(["P1106", "P1201", "P1201", "P1205"])
    expect(codes(parse(virtualService(forward, "Shop_1")).diagnostics)).toEqual(["P1205"])
  })

  test("YAML that two readers could understand differently is refused", () => {
    const cases: readonly (readonly [string, string])[] = [
      ["a: 1\nb: 2\na: 3", "P1102"],
      ["a: !secret x", "P1103"],
      ["x: &x {a: 1}\nb:\n  <<: *x", "P1108"],
      ["__proto__: {a: 1}", "P1107"],
      ["a:\n\t- b", "P1101"],
      [`a: ${"[".repeat(100)}${"]".repeat(100)}`, "P1104"],
      ["a: &a [*a]", "P1104"],
      // YAML 1.2, 7.1: the anchor stands before.
      ["a: *nope", "P1101"],
      ["a: *x\nb: &x 1", "P1101"],
      ["- &x 1\n---\na: *x", "P1106 P1101"],
    ]
    for (const [text, code] of cases) expect([text, codes(parse(text).diagnostics).join(" ")]).toEqual([text, code])
  })

  test("an alias bomb is refused after a bounded number of values", () => {
    const lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for (let level = 1; level < 12; level++) {
      const alias = `*a${level - 1}`
      lines.push(`a${level}: &a${level} [${Array.from({ length: 10 }, () => alias).join(", ")}]`)
    }
    expect(codes(parse(lines.join("\n")).diagnostics)).toEqual(["P1105"])
  })

  test("absurdly deep nesting is refused and does not overflow the stack", () => {
    expect(codes(parse("[".repeat(100_000)).diagnostics)).not.toEqual([])
    expect(codes(parse("- ".repeat(20_000)).diagnostics)).not.toEqual([])
  })

  test("anchors and aliases are read, and messages point at the alias", () => {
    const text = `${virtualService("  - match: [{uri: &u {prefix: /a}}]")}\n    route: [{destination: {host: web}}]`
    const { value, diagnostics } = parse(`${text}\n  - match: [{uri: *u, port: 80}]\n${forward.replace("-", " ")}`)
    expect(diagnostics).toEqual([])
    expect(value[0]).toMatchObject({ spec: { http: [{}, { match: [{ uri: { prefix: "/a" }, port: 80 }] }] } })
  })

  test("any text gives resources and diagnostics, never an exception", () => {
    const base = virtualService(`${forward}\n    match: [{uri: {regex: "/a.*"}, headers: {x: {}}}]`)
    fc.assert(
      fc.property(fc.nat(base.length), fc.string({ maxLength: 6 }), fc.nat(8), (at, inserted, drop) => {
        const { diagnostics } = parse(base.slice(0, at) + inserted + base.slice(at + drop))
        for (const { line, column, endColumn } of diagnostics) {
          expect(line).toBeGreaterThan(0)
          expect(column).toBeGreaterThan(0)
          expect(endColumn).toBeGreaterThan(column)
        }
      }),
      { numRuns: 500 },
    )
  })

  test("any JSON as a spec gives resources and diagnostics, never an exception", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom("Gateway", "VirtualService", "DestinationRule"), (spec, kind) => {
        const object = { apiVersion: "networking.istio.io/v1", kind, metadata: { name: "a" }, spec }
        expect(parse(JSON.stringify(object)).diagnostics.length).toBeGreaterThan(0)
      }),
      { numRuns: 300 },
    )
  })
})
