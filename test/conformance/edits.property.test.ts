/**
 * Generated rules and requests, end to end: whatever rewrites and header operations are written and whatever a client
 * sends, the service gets a head that the strictest server reads, and it carries what a naive model says.
 */
import { expect, test } from "bun:test"
import fc from "fast-check"
import { startGateway } from "../harness/gateway-under-test.ts"
import { RawClient } from "../harness/raw-client.ts"
import { GATEWAY_YAML, rulesTo, SERVICE_HOST, serviceYaml, yamlOf } from "../harness/routes-to.ts"
import { ScriptedUpstream } from "../harness/scripted-upstream.ts"
import { type Edits, type ModelRule, modelOf, type Rewrite } from "./edits-model.ts"
import { readStrictHead } from "./strict-head.ts"

/** Rules of one gateway; each has a host and a request of its own. */
const RULES = 200
const GATEWAYS = 5

interface Exchange {
  readonly rule: ModelRule
  /** Path and query, normal already. */
  readonly target: string
  readonly fields: readonly (readonly [name: string, value: string])[]
}

// --- what is generated -----------------------------------------------------------------------------------------------

const EDITED = ["x-a", "X-B", "x-c", "Accept", "cookie", "x-in", "x-forwarded-for"] as const

const operators = ["%REQ(X-IN)%", "<%REQ(x-in)%>", "%REQ(:PATH)%", "%REQ(X-NONE)%", "a%REQ(X-IN):5%b", "%PROTOCOL%"]
const value = fc.oneof(
  fc.stringMatching(/^[!-~]([\t -~é€]{0,20}[!-~])?$/).map((text) => text.replaceAll("%", "%%")),
  fc.constantFrom(...operators, "", "é€"),
)
const names = fc.uniqueArray(fc.constantFrom(...EDITED), { maxLength: 3 })
const values = fc
  .tuple(names, fc.array(value, { minLength: 3, maxLength: 3 }))
  .map(([keys, texts]) => Object.fromEntries(keys.map((key, index) => [key, texts[index] ?? ""])))
const edits: fc.Arbitrary<Edits> = fc.record({ set: values, add: values, remove: names })

const segment = fc.oneof(
  fc.stringMatching(/^[A-Za-z0-9_~!$&'()*+,;=:@-]{0,6}$/),
  // Empty ones: slashes side by side must stay.
  fc.constantFrom("", "", "%20", "%2F", "a%2fb", "%25", "%C3%A9"),
)
const path = fc.array(segment, { maxLength: 4 }).map((segments) => `/${segments.join("/")}`)

// Good ones mostly, and ones that cannot be sent.
const newPath = fc.oneof({ weight: 3, arbitrary: path }, { weight: 1, arbitrary: fc.stringMatching(/^[!-~é]{1,12}$/) })
const regexRewrite = fc.record({
  kind: fc.constant("regex" as const),
  pattern: fc.constantFrom("^/", "[a-z]", "/([^/]*)", "^.*$", "(x)|(y)"),
  substitution: fc.constantFrom("/", "\\0", "\\0\\0", "/n\\0", "-", "#", "é", "\\\\"),
})
const rewrite: fc.Arbitrary<Rewrite> = fc.oneof(
  { weight: 1, arbitrary: fc.constant({ kind: "none" } as const) },
  { weight: 4, arbitrary: newPath.map((text) => ({ kind: "uri", text }) as const) },
  { weight: 1, arbitrary: fc.constant({ kind: "authority", text: "new.example:8080" } as const) },
  { weight: 3, arbitrary: regexRewrite },
)

const match: fc.Arbitrary<ModelRule["match"]> = fc.oneof(
  fc.constant({ kind: "any", text: "" } as const),
  path.map((text) => ({ kind: "prefix", text }) as const),
  path.map((text) => ({ kind: "exact", text }) as const),
  fc.constantFrom("/.*", ".*[a-z].*", "/[0-9]").map((text) => ({ kind: "regex", text }) as const),
)

const exchange: fc.Arbitrary<Exchange> = fc
  .record({
    rule: fc.record({ match, rewrite, edits }),
    rest: path,
    query: fc.oneof(
      fc.constant(""),
      fc.stringMatching(/^[!"$-~\x80-\xff]{0,12}$/).map((text) => `?${text}`),
    ),
    fields: fc.array(
      fc.tuple(
        fc.constantFrom("X-In", "x-a", "X-b", "Cookie", "Accept"),
        fc.stringMatching(/^[!-~\x80-\xff]([\t -~\x80-\xff]{0,20}[!-~\x80-\xff])?$/),
      ),
      { maxLength: 4 },
    ),
  })
  .map(({ rule, rest, query, fields }) => {
    const { kind, text } = rule.match
    // Made to match: the very path, or one below the prefix.
    const wanted = kind === "exact" ? text : kind === "prefix" ? text + rest.slice(1) : rest
    return { rule, target: wanted + query, fields }
  })

// --- configuration and request ---------------------------------------------------------------------------------------

const hostOf = (index: number) => `r${index}.example`

function virtualService({ match: on, rewrite: how, edits: request }: ModelRule, index: number): string {
  const uri = on.kind === "any" ? {} : { match: [{ uri: { [on.kind]: on.text } }] }
  const rewritten =
    how.kind === "none"
      ? {}
      : how.kind === "regex"
        ? { rewrite: { uriRegexRewrite: { match: how.pattern, rewrite: how.substitution } } }
        : { rewrite: { [how.kind]: how.text } }
  return JSON.stringify({
    apiVersion: "networking.istio.io/v1",
    kind: "VirtualService",
    metadata: { name: `r${index}` },
    spec: {
      hosts: [hostOf(index)],
      gateways: ["edge"],
      http: [{ ...uri, ...rewritten, headers: { request }, route: [{ destination: { host: SERVICE_HOST } }] }],
    },
  })
}

// --- properties ------------------------------------------------------------------------------------------------------

test(`${RULES * GATEWAYS} generated rules: what goes upstream reads strictly and is what the model says`, async () => {
  await using upstream = ScriptedUpstream.start()
  await fc.assert(
    fc.asyncProperty(fc.array(exchange, { minLength: RULES, maxLength: RULES }), async (exchanges) => {
      const rules = exchanges.map(({ rule }, index) => virtualService(rule, index))
      await using gateway = await startGateway(
        yamlOf(GATEWAY_YAML, serviceYaml(SERVICE_HOST, [upstream.port]), ...rules),
      )
      using client = await RawClient.connect(gateway.port(80))
      for (const [index, { rule, target, fields }] of exchanges.entries()) {
        upstream.requests.length = 0
        const lines = [["Host", hostOf(index)] as const, ...fields].map(([name, text]) => `${name}: ${text}\r\n`)
        client.send(`GET ${target} HTTP/1.1\r\n${lines.join("")}\r\n`)
        const { status } = await client.readResponse()
        const model = modelOf(rule, target, fields, hostOf(index))
        expect({ status, rule, target }).toEqual({ status: model.status, rule, target })
        expect(upstream.requests.length).toBe(model.status === 200 ? 1 : 0)
        const [request] = upstream.requests
        if (request === undefined) continue
        const head = readStrictHead(request.headText)
        if (typeof head === "string") throw new Error(`${head}\n${JSON.stringify(rule)}`)
        expect({ target: head.target, rule }).toEqual({ target: model.target, rule })
        for (const [name, wanted] of model.fields) {
          const seen = head.fields.filter(([each]) => each === name).map(([, text]) => text)
          expect({ name, seen, rule }).toEqual({ name, seen: [...wanted], rule })
        }
      }
    }),
    { numRuns: GATEWAYS, endOnFailure: true },
  )
}, 30_000)

test("300 requests of arbitrary bytes: each is refused, or what goes upstream reads strictly", async () => {
  await using upstream = ScriptedUpstream.start()
  const rule = `
- headers:
    request: { set: { x-a: "%REQ(X-IN)%", x-b: "<%REQ(:PATH)%>", x-c: "%REQ(:METHOD)% %REQ(:AUTHORITY)%" }, add: { x-in: "%REQ(x-in):7%" } }
    response: { set: { x-d: "%REQ(X-IN)%" } }
  rewrite: { uriRegexRewrite: { match: "[^a-z/]", rewrite: '\\\\0-' } }
  route: [{ destination: { host: ${SERVICE_HOST} } }]`
  await using gateway = await startGateway(rulesTo(upstream.port, rule))
  const anyText = fc.string({
    unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
    maxLength: 12,
  })
  const likely = fc.oneof(
    { weight: 3, arbitrary: fc.stringMatching(/^[!-~\x80-\xff]{0,12}$/) },
    { weight: 1, arbitrary: anyText },
  )
  const anyHost = fc.oneof(
    { weight: 8, arbitrary: fc.stringMatching(/^[a-z0-9.-]{0,8}$/) },
    { weight: 1, arbitrary: likely },
  )
  let forwarded = 0
  await fc.assert(
    fc.asyncProperty(likely, anyHost, likely, async (rest, host, field) => {
      upstream.requests.length = 0
      using client = await RawClient.connect(gateway.port(80))
      client.send(`GET /${rest} HTTP/1.1\r\nHost: a${host}\r\nX-In: ${field}\r\nX-Last: 1\r\n\r\n`)
      const { status } = await client.readResponse()
      for (const { headText } of upstream.requests) expect(readStrictHead(headText)).toBeObject()
      expect(upstream.requests.length).toBe(status === 200 ? 1 : 0)
      forwarded += upstream.requests.length
    }),
    { numRuns: 300 },
  )
  // Enough of them must have had something to show.
  expect(forwarded).toBeGreaterThan(30)
}, 30_000)

test("a Host that is no authority is refused when the configuration is read", async () => {
  const set = (name: string, text: string) => ({ headers: { request: { set: { [name]: text } } } })
  const one = { destination: { host: SERVICE_HOST } }
  for (const text of ["a b", "a/b", "user@a", "a?b", "a#b"]) {
    const levels = [
      { ...set("host", text), route: [one] },
      { ...set(":authority", text), route: [one] },
      { route: [{ ...one, ...set("Host", text) }] },
      { rewrite: { authority: text }, route: [one] },
    ]
    for (const rule of levels) {
      await expect(startGateway(rulesTo(1, `- ${JSON.stringify(rule)}`))).rejects.toThrow("P2008")
    }
  }
})

test("values that could end a line are refused when the configuration is read", async () => {
  for (const text of ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\0b", "a\u0001b", "a\u001fb", "a\u007fb"]) {
    for (const side of ["request", "response"]) {
      for (const operation of ["set", "add"]) {
        const rule = { headers: { [side]: { [operation]: { "x-a": text } } }, directResponse: { status: 200 } }
        const refused = startGateway(rulesTo(1, `- ${JSON.stringify(rule)}`))
        await expect(refused).rejects.toThrow("P2012")
      }
    }
  }
})
