/**
 * What `explain` says is what the gateway does: generated configurations and requests, each explained and each sent to a
 * running gateway, and the two compared, byte for byte where bytes go upstream.
 */
import { afterAll, beforeAll, expect, test } from "bun:test"
import fc from "fast-check"
import { explained, snapshotOf } from "../../src/explain/explain.fixture.ts"
import type { Explanation } from "../../src/explain/explanation.ts"
import { parseUrl, type RequestToExplain, requestHeadBytes } from "../../src/explain/request-to-explain.ts"
import { type GatewayUnderTest, startGateway } from "../harness/gateway-under-test.ts"
import { exchangeOnce } from "../harness/raw-client.ts"
import { GATEWAY_YAML, serviceYaml, virtualServiceYaml, yamlOf } from "../harness/routes-to.ts"
import { ScriptedUpstream, type UpstreamExchange } from "../harness/scripted-upstream.ts"
import { asSeen, type Seen, withoutRandom } from "./seen.ts"

const configurations = 100
const requestsPerConfiguration = 12

let red: ScriptedUpstream
let blue: ScriptedUpstream
let gateway: GatewayUnderTest

function answer({ connection }: UpstreamExchange): void {
  connection.send("HTTP/1.1 204 No Content\r\n\r\n")
}

beforeAll(async () => {
  red = ScriptedUpstream.start(answer)
  blue = ScriptedUpstream.start(answer)
  gateway = await startGateway(GATEWAY_YAML)
})

afterAll(async () => {
  await gateway.stop()
  red.stop()
  blue.stop()
})

const path = fc.constantFrom(
  "/",
  "/a",
  "/a/",
  "/ab",
  "/A",
  "/a/b",
  "/a/b?x=1",
  "/a?x=2&y=",
  "/b",
  "/a/../b",
  "/%61",
  "/b//c",
)
const host = fc.constantFrom("a.example", "A.example:80", "b.example", "c.b.example", "d.c.b.example", "other")
const headerLine = fc.constantFrom(
  "x-user: jason",
  "x-user: jasper",
  "x-flag: ",
  "cookie: session=1",
  "origin: https://a.example",
  "connection: x-flag",
  "x-envoy-expected-rq-timeout-ms: 1",
  "content-type: application/grpc",
)

const request: fc.Arbitrary<RequestToExplain> = fc
  .record({
    method: fc.constantFrom("GET", "HEAD", "DELETE", "OPTIONS", "POST"),
    host,
    path,
    lines: fc.uniqueArray(headerLine, { maxLength: 3 }),
  })
  .map(({ method, host, path, lines }) => ({
    method,
    url: `http://${host}${path}`,
    headers: lines.map((line) => ({
      name: line.slice(0, line.indexOf(":")),
      value: line.slice(line.indexOf(":") + 2),
    })),
    serverName: null,
    gateway: null,
    clientCertificatePem: "",
  }))

const matchField = fc.constantFrom(
  "uri: { exact: /a }",
  "uri: { exact: /A }\n  ignoreUriCase: true",
  "uri: { prefix: /a }",
  "uri: { prefix: /a/ }",
  'uri: { regex: "/[ab](/.*)?" }',
  "method: { exact: GET }",
  "method: { regex: 'GET|HEAD' }",
  "authority: { prefix: c. }",
  "headers: { x-user: { exact: jason } }",
  "headers: { x-user: { prefix: jas } }",
  "withoutHeaders: { cookie: {} }",
  'queryParams: { x: { exact: "1" } }',
  "scheme: { exact: http }",
)

const match = fc
  .uniqueArray(matchField, { minLength: 1, maxLength: 2, selector: (field) => field.slice(0, field.indexOf(":")) })
  .map((fields) => `- ${fields.join("\n  ")}`)

const action = fc.constantFrom(
  "route: [{ destination: { host: red.example } }]",
  "route: [{ destination: { host: blue.example } }]\nrewrite: { uri: /new }",
  "route: [{ destination: { host: blue.example } }]\nrewrite: { authority: inner.example }\ntimeout: 2s",
  "route:\n- { destination: { host: red.example }, weight: 30, headers: { request: { set: { x-to: red } } } }\n" +
    "- { destination: { host: blue.example }, weight: 70, headers: { request: { add: { x-to: blue } } } }",
  "route: [{ destination: { host: red.example } }]\nheaders:\n  request:\n    set: { x-path: '%REQ(:PATH)%', host: set.example }\n" +
    "    add: { x-user: added }\n    remove: [cookie]",
  "route: [{ destination: { host: empty.example } }]",
  "route: [{ destination: { host: red.example } }]\nfault: { abort: { httpStatus: 418, percentage: { value: 100 } } }",
  "route: [{ destination: { host: red.example } }]\ncorsPolicy:\n  allowOrigins: [{ exact: 'https://a.example' }]\n  allowMethods: [GET]",
  "redirect: { uri: /moved, redirectCode: 302 }",
  "redirect: { authority: new.example, scheme: https }",
  "directResponse: { status: 503, body: { string: closed } }\nheaders: { response: { set: { x-closed: 'yes' } } }",
)

const rule = fc.record({ matches: fc.array(match, { maxLength: 2 }), action }).map(({ matches, action }) => {
  const lines = matches.length === 0 ? action : `match:\n${matches.join("\n")}\n${action}`
  return `- ${lines.replaceAll("\n", "\n  ")}`
})

const virtualService = fc.record({
  hosts: fc.constantFrom(
    ["a.example"],
    ["a.example", "*.b.example"],
    ["b.example"],
    ["*.b.example"],
    ["*.c.b.example"],
    ["*"],
  ),
  rules: fc.array(rule, { minLength: 1, maxLength: 5 }),
})

test("what explain says is what the running gateway does", async () => {
  const property = fc.asyncProperty(
    fc.array(virtualService, { minLength: 1, maxLength: 3 }),
    fc.array(request, { minLength: requestsPerConfiguration, maxLength: requestsPerConfiguration }),
    async (services, requests) => {
      const yaml = yamlOf(
        GATEWAY_YAML,
        serviceYaml("red.example", [red.port]),
        serviceYaml("blue.example", [blue.port]),
        serviceYaml("empty.example", []),
        ...services.map(({ hosts, rules }, index) => virtualServiceYaml(`vs-${index}`, hosts, rules.join("\n"))),
      )
      await gateway.apply(yaml)
      const snapshot = snapshotOf(yaml)
      for (const one of requests) {
        const explanation = explained(snapshot, one)
        const seen = await send(one)
        expect(explanation.outcomes.map(asSeen)).toContainEqual(seen)
        checkStory(explanation)
      }
    },
  )
  await fc.assert(property, { numRuns: configurations })
}, 60_000)

async function send(one: RequestToExplain): Promise<Seen> {
  const url = parseUrl(one.url)
  if ("error" in url) throw new Error(url.error)
  const before = red.requests.length + blue.requests.length
  const redBefore = red.requests.length
  const response = await exchangeOnce(gateway.port(80), requestHeadBytes(one, url))
  if (red.requests.length + blue.requests.length === before) {
    return { status: response.status, location: response.field("location"), body: response.text, upstream: "" }
  }
  const service = red.requests.length > redBefore ? red : blue
  const head = service.requests.at(-1)?.headText ?? ""
  return { status: 200, location: null, body: "", upstream: `${service.port} ${withoutRandom(head)}` }
}

/** The story fits its end: rules before the one that matched, and no rule without a virtual host. */
function checkStory({ passedOver, rule, virtualHost }: Explanation): void {
  if (rule === null) return
  expect(virtualHost).not.toBeNull()
  expect(passedOver.map(({ index }) => index)).toEqual(Array.from({ length: rule.index }, (_, index) => index))
}
