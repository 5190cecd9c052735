/**
 * Every field that `spec.http` can have is honoured: a configuration that sets all of them is read without one warning that
 * a field has no effect. What each of them does is in the cases.
 */
import { expect, test } from "bun:test"
import { z } from "zod"
import { parseResources } from "../../src/config/parse-resources.ts"
import { httpRoute } from "../../src/config/schemas/virtual-service.ts"
import { GATEWAY_YAML, serviceYaml, virtualServiceYaml, yamlOf } from "../harness/routes-to.ts"

const MATCH = `
    - name: block
      uri: { exact: /a }
      ignoreUriCase: true
      scheme: { exact: http }
      method: { regex: "GET|POST" }
      authority: { prefix: a. }
      headers: { x-a: { exact: a }, x-b: { prefix: b }, x-c: { regex: c+ }, x-d: {} }
      withoutHeaders: { x-e: { exact: a }, x-f: { prefix: b }, x-g: { regex: c+ } }
      queryParams: { a: { exact: a }, b: { prefix: b }, c: { regex: c+ } }
      port: 80
      gateways: [edge]
      sourceLabels: { app: edge }
      sourceNamespace: default
      statPrefix: block
    - uri: { prefix: /b }
      scheme: { prefix: h }
      method: { exact: GET }
      authority: { exact: a.example }
    - uri: { regex: "/c.*" }
      scheme: { regex: "https?" }
      method: { prefix: G }
      authority: { regex: "a.*" }
`
const OPERATIONS = "{ set: { x-a: a }, add: { x-b: b }, remove: [x-c] }"
const HEADERS = `{ request: ${OPERATIONS}, response: ${OPERATIONS} }`
const DESTINATION = "{ host: one.test, subset: v1, port: { number: 80 } }"

/** Fields that exclude each other are in different rules. */
const RULES = `
- name: everything
  match:${MATCH}
  route: [{ destination: ${DESTINATION}, weight: 1, headers: ${HEADERS} }]
  headers: ${HEADERS}
  rewrite: { uri: /x, authority: x.example }
  timeout: 1s
  retries:
    { attempts: 2, perTryTimeout: 1s, retryOn: 5xx, backoff: 25ms, retryIgnorePreviousHosts: true, retryRemoteLocalities: true }
  fault:
    delay: { fixedDelay: 1s, percentage: { value: 1 }, percent: 1 }
    abort: { httpStatus: 500, percentage: { value: 1 } }
  mirror: ${DESTINATION}
  mirrorPercentage: { value: 1 }
  mirrorPercent: 1
  mirror_percent: 1
  corsPolicy:
    allowOrigins: [{ exact: a }, { prefix: b }, { regex: c }]
    allowOrigin: [a]
    allowMethods: [GET]
    allowHeaders: [x-a]
    exposeHeaders: [x-a]
    maxAge: 1s
    allowCredentials: true
    unmatchedPreflights: IGNORE
- match: [{ uri: { prefix: /d } }]
  route: [{ destination: { host: one.test } }]
  rewrite: { uriRegexRewrite: { match: a, rewrite: b } }
  mirrors: [{ destination: ${DESTINATION}, percentage: { value: 1 } }]
  fault: { abort: { grpcStatus: UNAVAILABLE, percentage: { value: 1 } } }
- match: [{ uri: { prefix: /e } }]
  redirect: { uri: /x, authority: x.example, port: 81, scheme: https, redirectCode: 302 }
- match: [{ uri: { prefix: /f } }]
  redirect: { prefixRewrite: /x, derivePort: FROM_REQUEST_PORT }
- match: [{ uri: { prefix: /g } }]
  directResponse: { status: 200, body: { string: x } }
- match: [{ uri: { prefix: /h } }]
  directResponse: { status: 200, body: { bytes: eA== } }
- delegate: { name: leaf, namespace: default }
`

/** What Istio itself does not carry out (Istio semantics sheet 3.7). */
const UNSUPPORTED_BY_ISTIO = ["fault.abort.http2Error", "fault.delay.exponentialDelay"]

/** `match[].uri.exact` and so on: the leaves of a schema. */
function leavesOf(schema: unknown, path: string): readonly string[] {
  if (schema instanceof z.ZodOptional) return leavesOf(schema.unwrap(), path)
  if (schema instanceof z.ZodArray) return leavesOf(schema.element, `${path}[]`)
  if (schema instanceof z.ZodRecord) return leavesOf(schema.valueType, `${path}.*`)
  if (!(schema instanceof z.ZodObject)) return [path]
  const shape: Readonly<Record<string, unknown>> = schema.shape
  return Object.entries(shape).flatMap(([key, each]) => leavesOf(each, path === "" ? key : `${path}.${key}`))
}

/** The same for a value. Keys of maps become `*`. */
function pathsOf(value: unknown, path: string, into: Set<string>): void {
  if (Array.isArray(value)) {
    for (const each of value) pathsOf(each, `${path}[]`, into)
  } else if (typeof value === "object" && value !== null) {
    for (const [key, each] of Object.entries(value)) {
      const isMap =
        /(?:headers|Headers|queryParams|sourceLabels|set|add)$/.test(path) && !/^(?:request|response)$/.test(key)
      pathsOf(each, path === "" ? key : `${path}.${isMap ? "*" : key}`, into)
    }
  } else {
    into.add(path)
  }
}

const files = [
  {
    path: "every-field.yaml",
    text: yamlOf(GATEWAY_YAML, serviceYaml("one.test", []), virtualServiceYaml("routes", ["a.example"], RULES)),
  },
]

test("no field of spec.http is read and then has no effect", () => {
  const { diagnostics } = parseResources(files)
  const found = diagnostics.filter(({ path }) => path.startsWith("spec.http"))
  expect(found.filter(({ code }) => code === "P2901").map(({ path }) => path)).toEqual([])
  // What is wrong beside it would hide what is looked for.
  expect(diagnostics.filter(({ severity }) => severity === "error").map(({ message }) => message)).toEqual([])
})

test("what no version of Istio carries out is a warning of its own", () => {
  const fault = "{ abort: { http2Error: x, percentage: { value: 1 } }, delay: { exponentialDelay: 1s } }"
  const rule = `- fault: ${fault}\n  route: [{ destination: { host: one.test } }]`
  const text = yamlOf(GATEWAY_YAML, virtualServiceYaml("routes", ["a.example"], rule))
  const found = parseResources([{ path: "fault.yaml", text }]).diagnostics
  expect(found.map(({ code, path }) => `${code} ${path}`)).toEqual([
    "P2258 spec.http[0].fault.abort.http2Error",
    "P2258 spec.http[0].fault.delay.exponentialDelay",
  ])
})

test("docs/virtual-service.md has a word on every field", async () => {
  const page = await Bun.file(new URL("../../docs/virtual-service.md", import.meta.url)).text()
  const fieldNames = new Set(leavesOf(httpRoute, "").flatMap((leaf) => leaf.replaceAll("[]", "").split(".")))
  const named = new Set([...page.matchAll(/[A-Za-z_][A-Za-z0-9_]*/g)].map(([word]) => word))
  const unnamed = [...fieldNames].filter((name) => name !== "*" && !named.has(name))
  expect(unnamed).toEqual([])
})

test("the configuration above sets every field that the schema knows", () => {
  const [virtualService] = parseResources(files).value.filter(({ kind }) => kind === "VirtualService")
  if (virtualService?.kind !== "VirtualService") throw new Error("not read")
  const written = new Set<string>()
  for (const rule of virtualService.spec.http ?? []) pathsOf(rule, "", written)
  const leaves = leavesOf(httpRoute, "")
  expect(leaves.length).toBeGreaterThan(80)
  const unwritten = leaves.filter((leaf) => !written.has(leaf) && !UNSUPPORTED_BY_ISTIO.includes(leaf))
  expect(unwritten).toEqual([])
})
