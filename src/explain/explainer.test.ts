import { describe, expect, test } from "bun:test"
import { explained, requestTo, snapshotOf } from "./explain.fixture.ts"
import type { Explanation } from "./explanation.ts"
import { renderExplanation } from "./render-explanation.ts"

const yaml = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge }
spec:
  servers:
    - port: { number: 80, name: http, protocol: HTTP }
      hosts: ["*"]
    - port: { number: 81, name: redirecting, protocol: HTTP }
      hosts: ["*"]
      tls: { httpsRedirect: true }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: shop }
spec:
  hosts: [shop.example]
  gateways: [edge]
  http:
    - name: cart
      match:
        - uri: { prefix: /cart }
          headers: { x-user: { exact: jason } }
      route: [{ destination: { host: cart.example } }]
    - name: api
      match: [{ uri: { prefix: /api/ } }]
      rewrite: { uri: / }
      timeout: 2s
      headers: { request: { set: { x-from: "%REQ(:AUTHORITY)%" } }, response: { remove: [x-secret] } }
      fault: { abort: { httpStatus: 500, percentage: { value: 10 } } }
      mirror: { host: cart.example }
      route:
        - destination: { host: cart.example }
          weight: 75
        - destination: { host: gone.example }
          weight: 25
          headers: { response: { set: { x-gone: "100%%" } } }
    - name: closed
      match: [{ uri: { exact: /closed } }]
      directResponse: { status: 410, body: { string: "gone for good" } }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: wide }
spec:
  hosts: ["*.example"]
  gateways: [edge]
  http: [{ route: [{ destination: { host: cart.example } }] }]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: cart }
spec:
  hosts: [cart.example]
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP }]
  endpoints: [{ address: 10.0.0.1 }, { address: 10.0.0.2 }]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: gone }
spec:
  hosts: [gone.example]
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP }]
`

const snapshot = snapshotOf(yaml)

function explain(url: string, ...headers: readonly string[]): Explanation {
  return explained(snapshot, requestTo(url, ...headers))
}

test("the rule that matched stands at its place in the file, after those passed over with their reasons", () => {
  const { passedOver, rule } = explain("http://shop.example/api/items")
  expect(passedOver).toEqual([
    {
      index: 0,
      name: "cart",
      virtualService: "default/shop",
      location: "test.yaml:20:7",
      reason: 'path "/api/items" does not start with "/cart"',
    },
  ])
  expect(rule).toMatchObject({
    index: 1,
    name: "api",
    location: "test.yaml:25:7",
    match: 'path starts with "/api/"',
    action: "forward",
  })
})

test("a header that failed is told with the value it had", () => {
  const reasons = explain("http://shop.example/cart", "x-user: mary").passedOver.map(({ reason }) => reason)
  expect(reasons[0]).toBe('header x-user is "mary", which is not exactly "jason"')
})

test("the virtual host that won is told with those that matched too, and why they lost (Istio semantics sheet 2.2)", () => {
  expect(explain("http://shop.example/").virtualHost).toEqual({
    name: "shop.example:80",
    domain: "shop.example",
    beaten: [{ name: "*.example:80", domain: "*.example", reason: "an exact name beats a wildcard" }],
  })
})

test("policies are told in the API's terms", () => {
  expect(explain("http://shop.example/api/x").rule?.policies).toEqual({
    timeoutMs: 2000,
    retries: "2 on connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes",
    fault: "10 % aborted with status 500",
    mirrors: ["100 % copied to outbound|80||cart.example"],
    hasCorsPolicy: false,
  })
})

test("each destination has its share, its endpoints and what reaches it; one without endpoints is answered 503 UH", () => {
  const [cart, gone] = explain("http://shop.example/api/x?q=1").outcomes
  expect(cart).toMatchObject({
    sharePercent: 75,
    cluster: {
      name: "outbound|80||cart.example",
      discovery: "static",
      endpoints: ["10.0.0.1:80", "10.0.0.2:80"],
    },
    upstreamRequest: { method: "GET", path: "/x?q=1", authority: "shop.example" },
    responseEdits: ["remove x-secret"],
    response: null,
  })
  expect(cart?.upstreamRequest?.headers).toContainEqual({ name: "x-from", value: "shop.example" })
  expect(gone).toMatchObject({
    sharePercent: 25,
    cluster: { name: "outbound|80||gone.example", endpoints: [] },
    upstreamRequest: null,
    response: { status: 503, body: "no healthy upstream", flags: "UH", details: "no_healthy_upstream" },
  })
})

test("a direct response is told with its body", () => {
  const [outcome] = explain("http://shop.example/closed").outcomes
  expect(outcome).toMatchObject({ sharePercent: 100, response: { status: 410, body: "gone for good" } })
})

describe("requests that reach no rule", () => {
  test("a host that no virtual host has: 404, with the nearest domain as a hint", () => {
    const { virtualHost, outcomes, notes } = explain("http://shop.exampel/")
    expect(virtualHost).toBeNull()
    expect(outcomes[0]?.response).toMatchObject({ status: 404, flags: "NR", details: "route_not_found" })
    expect(notes).toEqual(['no virtual host of http.80 has a domain for "shop.exampel" (did you mean shop.example?)'])
  })

  test("a path that no rule takes", () => {
    const { passedOver, rule, notes } = explain("http://shop.example/nothing")
    expect([passedOver.length, rule]).toEqual([3, null])
    expect(notes).toEqual(["no rule of shop.example:80 matches"])
  })

  test("httpsRedirect comes before every rule (Istio semantics sheet 1.7)", () => {
    const { outcomes, passedOver, notes } = explain("http://shop.example:81/cart")
    expect(outcomes[0]?.response).toMatchObject({ status: 301, details: "direct_response" })
    expect(outcomes[0]?.response?.headers).toContainEqual({ name: "location", value: "https://shop.example:81/cart" })
    expect(passedOver).toEqual([])
    expect(notes).toEqual(["the Gateway's httpsRedirect comes before every rule of the virtual host"])
  })

  test("a malformed request is the refusal that its client gets", () => {
    const { outcomes, virtualHost } = explain("http://shop.example/", "transfer-encoding: gzip")
    expect(virtualHost).toBeNull()
    expect(outcomes[0]?.response).toMatchObject({
      status: 400,
      flags: "DPE",
      details: "http1.invalid_transfer_encoding",
    })
  })

  test("CONNECT matches no route of a gateway (Istio semantics sheet 4.4)", () => {
    const { outcomes } = explained(snapshot, { ...requestTo("http://shop.example/"), method: "CONNECT" })
    expect(outcomes[0]?.response?.status).toBeGreaterThanOrEqual(400)
  })
})

describe("listeners", () => {
  test("a method in lower case is another method, and the note says so (RFC 9110 section 9.1)", () => {
    const request = { ...requestTo("http://shop.example:82/"), method: "get" }
    expect(explained(snapshot, request).notes[0]).toBe(
      "the method get is another one than GET: methods are case-sensitive",
    )
  })

  test("nothing listens on the port: the connection is refused, and the note says what there is", () => {
    const { listener, outcomes, notes } = explain("http://shop.example:82/")
    expect([listener, outcomes]).toEqual([null, []])
    expect(notes).toEqual([
      "nothing listens on port 82; there are: 0.0.0.0_80 (Gateway default/edge), 0.0.0.0_81 (Gateway default/edge)",
    ])
  })

  test("the URL's port is the bound one, or else the Gateway's own", () => {
    const mapped = snapshotOf(yaml, new Map([[80, 8080]]))
    expect(explained(mapped, requestTo("http://shop.example:8080/")).listener?.name).toBe("0.0.0.0_8080")
    const declared = explained(mapped, requestTo("http://shop.example/"))
    expect(declared.listener).toEqual({ name: "0.0.0.0_8080", declaredPort: 80, boundPort: 8080 })
    expect(declared.notes).toContain("the Gateway's port 80 is bound as 8080")
  })

  test("TLS to a plain listener fails before anything is routed", () => {
    const { filterChain, notes } = explain("https://shop.example:80/")
    expect(filterChain).toBeNull()
    expect(notes).toEqual(["listener 0.0.0.0_80 speaks plain HTTP, the URL says https: the connection fails"])
  })

  test("a Gateway that has no listener is told with those that have", () => {
    const { listener, notes } = explained(snapshot, { ...requestTo("http://shop.example/"), gateway: "default/edeg" })
    expect(listener).toBeNull()
    expect(notes[0]).toStartWith("no listener belongs to Gateway default/edeg; there are: 0.0.0.0_80")
  })
})

test("a Gateway whose plain HTTP server shares a port with another one's is found, and both are told", () => {
  const second = yaml
    .slice(0, yaml.indexOf("---"))
    .replace("name: edge", "name: other")
    .replace("number: 81", "number: 82")
  const snapshot = snapshotOf(`${yaml}\n---${second}`)
  const { filterChain, listener } = explained(snapshot, {
    ...requestTo("http://shop.example/"),
    gateway: "default/other",
  })
  expect(listener?.name).toBe("0.0.0.0_80")
  expect(filterChain?.gateways).toEqual(["default/edge", "default/other"])
  expect(filterChain?.gateway).toBe("default/edge")
  const { notes } = explained(snapshot, { ...requestTo("http://shop.example/"), gateway: "default/edeg" })
  expect(notes[0]).toContain("0.0.0.0_80 (Gateway default/edge, default/other)")
})

test("what people read: one step after the other, and what the gateway changed marked with + and -", () => {
  const text = renderExplanation(explain("http://shop.example/api/x", "te: gzip", "accept: */*"))
  const stable = text.replace(/^( +\+ x-request-id: ).*$/gm, "$1UUID").replace(/^( +date: ).*$/gm, "$1DATE")
  expect(stable).toBe(`request       GET http://shop.example/api/x
              host shop.example, path /api/x
listener      0.0.0.0_80
filter chain  Gateway default/edge  test.yaml:7:7
routes        http.80
virtual host  shop.example:80, by its domain shop.example
              not *.example:80, whose domain *.example matches too: an exact name beats a wildcard
rule 0        passed over: cart of VirtualService default/shop  test.yaml:20:7
              path "/api/x" does not start with "/cart"
rule 1        matches: api of VirtualService default/shop  test.yaml:25:7
              path starts with "/api/"
action        forward
timeout       2000 ms
retries       2 on connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes
fault         10 % aborted with status 500
mirror        100 % copied to outbound|80||cart.example
cluster       outbound|80||cart.example (75 %)  test.yaml:52:19
              least-request over 10.0.0.1:80, 10.0.0.2:80
upstream      GET /x, host shop.example
              - te: gzip
                Host: shop.example
                accept: */*
              + x-forwarded-for: 127.0.0.1
              + x-forwarded-proto: http
              + x-envoy-external-address: 127.0.0.1
              + x-request-id: UUID
              + x-envoy-expected-rq-timeout-ms: 2000
              + x-envoy-attempt-count: 1
              + x-from: shop.example
              + x-envoy-original-path: /api/x
response      the service's own, with its headers edited
                remove x-secret
cluster       outbound|80||gone.example (25 %)  test.yaml:61:19
              without an endpoint
response      503 from the gateway itself (no_healthy_upstream)
                content-length: 19
                x-gone: 100%
                content-type: text/plain
                date: DATE
                server: portcullis
                "no healthy upstream"
`)
})

test("nothing in a request can write control characters to the terminal", () => {
  const text = renderExplanation(explain("http://shop.example/\u001b[31m"))
  expect(text).not.toContain("\u001b")
})
