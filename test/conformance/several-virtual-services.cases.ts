/** Several VirtualServices for one host, and where a VirtualService ends (Istio semantics sheet 2.1). */
import { type CaseGroup, goes, misses, TO_ONE, TO_THREE, TO_TWO } from "./conformance-case.ts"

/** @param more of the metadata, `, name: value` */
function virtualService(name: string, rules: string, more = ""): string {
  return `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name}${more} }
spec:
  hosts: [$host]
  gateways: [default/edge]
  http:
${rules.replace(/^(?=.)/gm, "    ")}
`
}

const created = (time: string) => `, creationTimestamp: "${time}"`
const documents = (...texts: readonly string[]) => texts.join("\n---\n")
const rule = (match: string, to: string) => `- match: [{ ${match} }]\n  ${to}`

export const severalVirtualServices: CaseGroup = {
  name: "several",
  cases: [
    {
      name: "several VirtualServices of a host are joined, by name where no times are given (fact 10)",
      source: "sheet 2.1 (1)-(3), 14.10",
      resources: documents(
        virtualService("$name-b", rule("uri: { prefix: /x }", TO_TWO)),
        virtualService("$name-a", rule("uri: { prefix: /x/y }", TO_ONE)),
      ),
      exchanges: [goes("GET /x/y", "one"), goes("GET /x", "two"), misses("GET /")],
    },
    {
      name: "several VirtualServices: the oldest first, whatever its name, and not the most specific (fact 10)",
      source: "sheet 2.1 (1), 14.10",
      resources: documents(
        virtualService("$name-a", rule("uri: { exact: /x/y }", TO_ONE), created("2024-02-01T00:00:00Z")),
        virtualService("$name-b", rule("uri: { prefix: /x }", TO_TWO), created("2024-01-01T00:00:00Z")),
      ),
      exchanges: [goes("GET /x/y", "two")],
    },
    {
      name: "several VirtualServices: ties by name, then by namespace",
      source: "sheet 2.1 (1)",
      resources: documents(
        virtualService("$name", rule("uri: { prefix: /x }", TO_TWO), ", namespace: zeta"),
        virtualService("$name", rule("uri: { prefix: /x }", TO_ONE), ", namespace: alpha"),
      ),
      exchanges: [goes("GET /x", "one")],
    },
    {
      name: "several VirtualServices: a catch-all sinks to the end (fact 10)",
      source: "sheet 2.1 (4), 14.10",
      resources: documents(
        virtualService("$name-a", `- ${TO_ONE}`),
        virtualService("$name-b", rule("uri: { prefix: /x }", TO_TWO)),
      ),
      exchanges: [goes("GET /x", "two"), goes("GET /", "one")],
    },
    {
      name: "several VirtualServices: of two catch-alls the older wins",
      source: "sheet 2.1 (4): stable",
      resources: documents(virtualService("$name-a", `- ${TO_ONE}`), virtualService("$name-b", `- ${TO_TWO}`)),
      exchanges: [goes("GET /", "one")],
    },
    {
      name: "several VirtualServices: regex .* is a catch-all and sinks",
      source: "sheet 2.1 (4)",
      resources: documents(
        virtualService("$name-a", rule("uri: { regex: '.*' }", TO_ONE)),
        virtualService("$name-b", rule("uri: { prefix: /x }", TO_TWO)),
      ),
      exchanges: [goes("GET /x", "two"), goes("GET /", "one")],
    },
    {
      name: "several VirtualServices: prefix / with ignoreUriCase is a catch-all and sinks",
      source: "sheet 2.1 (4)",
      resources: documents(
        virtualService("$name-a", rule("uri: { prefix: / }, ignoreUriCase: true", TO_ONE)),
        virtualService("$name-b", rule("uri: { prefix: /x }", TO_TWO)),
      ),
      exchanges: [goes("GET /x", "two"), goes("GET /", "one")],
    },
    {
      name: "several VirtualServices: another regex that takes everything does not sink",
      source: "sheet 2.1 (4): exactly .*",
      resources: documents(
        virtualService("$name-a", rule("uri: { regex: '/.*' }", TO_ONE)),
        virtualService("$name-b", rule("uri: { prefix: /x }", TO_TWO)),
      ),
      exchanges: [goes("GET /x", "one")],
    },
    {
      name: "several VirtualServices: prefix / with a method is no catch-all and does not sink",
      source: "sheet 2.1 (4)",
      resources: documents(
        virtualService("$name-a", rule("uri: { prefix: / }, method: { exact: GET }", TO_ONE)),
        virtualService("$name-b", rule("uri: { prefix: /x }", TO_TWO)),
      ),
      exchanges: [goes("GET /x", "one"), goes("POST /x", "two"), misses("POST /")],
    },
    {
      name: "several VirtualServices: prefix / with an authority, a header or a parameter does not sink",
      source: "sheet 2.1 (4)",
      resources: documents(
        virtualService("$name-a", rule("headers: { x-a: {} }", TO_ONE)),
        virtualService("$name-b", rule("queryParams: { q: {} }", TO_TWO)),
        virtualService("$name-c", rule("uri: { prefix: /x }", TO_THREE)),
      ),
      exchanges: [goes(["GET /x?q", "X-A: 1"], "one"), goes("GET /x?q", "two"), goes("GET /x", "three")],
    },
    {
      name: "one VirtualService: everything behind its first catch-all is dead (fact 11)",
      source: "sheet 2.1 (5), 14.11",
      http: `- match: [{ uri: { prefix: /a } }]
  ${TO_ONE}
- ${TO_TWO}
- match: [{ uri: { prefix: /b } }]
  ${TO_THREE}`,
      exchanges: [goes("GET /a", "one"), goes("GET /b", "two")],
    },
    {
      name: "one VirtualService: dead rules stay dead when another VirtualService comes between (fact 11)",
      source: "sheet 2.1 (5), 14.11",
      resources: documents(
        virtualService("$name-a", `- ${TO_ONE}\n${rule("uri: { prefix: /b }", TO_THREE)}`),
        virtualService("$name-b", rule("uri: { prefix: /c }", TO_TWO)),
      ),
      exchanges: [goes("GET /b", "one"), goes("GET /c", "two")],
    },
    {
      name: "one VirtualService: a match with only gateways or port is a catch-all too (fact 11)",
      source: "sheet 14.11",
      resources: virtualService(
        "$name",
        `- match: [{ gateways: [default/edge], port: 80 }]\n  ${TO_ONE}\n${rule("uri: { prefix: /b }", TO_TWO)}`,
      ),
      exchanges: [goes("GET /b", "one"), goes("GET /b", "two", { port: 8080 })],
    },
    {
      name: "one VirtualService: a block is a route, a catch-all block ends it in the middle of a rule",
      source: "sheet 2.1 (5), 2.3",
      http: `- match: [{ uri: { exact: /a } }, { uri: { prefix: / } }, { uri: { exact: /b } }]
  ${TO_ONE}
- match: [{ uri: { exact: /b } }]
  ${TO_TWO}`,
      exchanges: [goes("GET /b", "one")],
    },
    {
      name: "several VirtualServices: one that does not apply to a port leaves the others alone",
      source: "sheet 2.1 (7)",
      resources: documents(
        virtualService("$name-a", rule("port: 8080", TO_ONE)),
        virtualService("$name-b", rule("uri: { prefix: /x }", TO_TWO)),
      ),
      exchanges: [goes("GET /x", "two"), misses("GET /"), goes("GET /", "one", { port: 8080 })],
    },
    {
      name: "several VirtualServices: those private to the gateway's namespace come first, then the public ones",
      source: "sheet 2.1 (2)",
      resources: documents(
        virtualService("$name-a", rule("uri: { prefix: /x }", TO_ONE)),
        virtualService("$name-b", rule("uri: { prefix: /x }", TO_TWO)).replace("hosts:", "exportTo: ['.']\n  hosts:"),
      ),
      exchanges: [goes("GET /x", "two")],
    },
  ],
}
