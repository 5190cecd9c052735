import { describe, expect, test } from "bun:test"
import { parseResources } from "./parse-resources.ts"

/** `CODE path` of everything found in a VirtualService of this spec, without the warnings of not-honoured.ts. */
function found(spec: object): readonly string[] {
  const object = { apiVersion: "networking.istio.io/v1", kind: "VirtualService", metadata: { name: "a" }, spec }
  const { diagnostics } = parseResources([{ path: "a.json", text: JSON.stringify(object) }])
  return diagnostics.filter(({ code }) => code !== "P2901").map(({ code, path }) => `${code} ${path}`)
}

const route = [{ destination: { host: "web" } }]

function inHttp(...rules: readonly object[]): readonly string[] {
  return found({ hosts: ["a.com"], gateways: ["edge"], http: rules })
}

/** What is found in one rule that forwards, plus `fields`. */
function inRule(fields: object): readonly string[] {
  return inHttp({ route, ...fields })
}

describe("a VirtualService's hosts and gateways (sheet 13)", () => {
  const http = [{ route }]
  test("a usual one is well", () => {
    expect(found({ hosts: ["a.com", "*.b.com", "reviews"], gateways: ["edge", "ns/edge"], http })).toEqual([])
  })
  test("overlapping hosts of one VirtualService", () => {
    expect(found({ hosts: ["*.a.com", "x.a.com"], gateways: ["g"], http })).toEqual(["P2203 spec.hosts[1]"])
    expect(found({ hosts: ["a.com", "A.com"], gateways: ["g"], http })).toEqual(["P2203 spec.hosts[1]"])
    expect(found({ hosts: ["*.a.com", "a.com"], gateways: ["g"], http })).toEqual([])
  })
  test("host * bound to the mesh, and rules that name no gateway (sheet 14.9)", () => {
    expect(found({ hosts: ["*"], gateways: ["g", "mesh"], http })).toEqual(["P2202 spec.hosts[0]"])
    expect(found({ hosts: ["a.com"], http })).toEqual(["P2256 spec"])
    expect(found({ hosts: ["a.com"], gateways: ["mesh"], http })).toEqual(["P2256 spec.gateways"])
  })
  test("wildcards are the whole first label only", () => {
    for (const host of ["*a.com", "a.*.com", "a.*", "**.com", "", "a..b", ".a.com", "-a.com", "a_b.com", "1.2.3"]) {
      expect([host, found({ hosts: [host], gateways: ["g"], http })]).toEqual([host, ["P2008 spec.hosts[0]"]])
    }
  })
  test("gateways by DNS name are deprecated, and nothing to route is an error", () => {
    expect(found({ hosts: ["a.com"], gateways: ["edge.ns.svc.cluster.local"], http })).toEqual([
      "P2252 spec.gateways[0]",
    ])
    expect(found({ hosts: ["a.com"], gateways: ["g"] })).toEqual(["P2204 spec"])
  })
  test("a delegate has no gateways, tls or tcp, and does not delegate again (sheet 3.11)", () => {
    expect(found({ http })).toEqual([])
    expect(found({ gateways: ["g"], http })).toEqual(["P2201 spec.gateways"])
    expect(found({ http: [{ delegate: { name: "b" } }] })).toEqual(["P2223 spec.http[0].delegate"])
  })
})

describe("an http rule's action (sheet 3)", () => {
  test("one of route, redirect, directResponse, delegate", () => {
    expect(inHttp({})).toEqual(["P2205 spec.http[0]"])
    expect(inHttp({ route, redirect: { uri: "/x" } })).toEqual(["P2206 spec.http[0].redirect"])
    expect(inHttp({ directResponse: { status: 200 } })).toEqual([])
    expect(inHttp({ directResponse: { status: 200 }, rewrite: { uri: "/" } })).toEqual(["P2206 spec.http[0].rewrite"])
    expect(inRule({ mirror: { host: "b" }, mirrors: [{ destination: { host: "c" } }] })).toEqual([
      "P2206 spec.http[0].mirrors",
    ])
  })
  test("weights (sheet 3.1)", () => {
    const weighted = (...weights: readonly number[]) =>
      inHttp({ route: weights.map((weight) => ({ destination: { host: "a" }, weight })) })
    expect(weighted(0)).toEqual([])
    expect(weighted(0, 1)).toEqual([])
    expect(weighted(0, 0)).toEqual(["P2214 spec.http[0].route"])
    expect(weighted(-1, 2)).toEqual(["P2005 spec.http[0].route[0].weight"])
    expect(weighted(0.5, 2)).toEqual(["P2005 spec.http[0].route[0].weight"])
  })
  test("redirects (sheet 3.3)", () => {
    const redirect = (fields: object, match?: object) =>
      inHttp({ redirect: fields, ...(match === undefined ? {} : { match: [match] }) })
    expect(redirect({ redirectCode: 302 })).toEqual(["P2207 spec.http[0].redirect"])
    for (const redirectCode of [0, 301, 302, 303, 307, 308]) expect(redirect({ uri: "/", redirectCode })).toEqual([])
    for (const redirectCode of [200, 300, 304, 305, 399]) {
      expect(redirect({ uri: "/", redirectCode })).toEqual(["P2208 spec.http[0].redirect.redirectCode"])
    }
    expect(redirect({ scheme: "ftp" })).toEqual(["P2004 spec.http[0].redirect.scheme"])
    expect(redirect({ port: 80, derivePort: "FROM_REQUEST_PORT" })).toEqual(["P2006 spec.http[0].redirect.derivePort"])
    expect(redirect({ prefixRewrite: "/b" }, { uri: { prefix: "/a" } })).toEqual([])
    expect(redirect({ prefixRewrite: "/b" }, { method: { exact: "GET" } })).toEqual([])
    expect(redirect({ prefixRewrite: "/b" }, { uri: { exact: "/a" } })).toEqual([
      "P2209 spec.http[0].redirect.prefixRewrite",
    ])
    expect(redirect({ uri: "/a\r\nx: y" })).toEqual(["P2012 spec.http[0].redirect.uri"])
  })
  test("direct responses (sheet 3.4)", () => {
    const body = (bytes: number) => inHttp({ directResponse: { status: 200, body: { string: "x".repeat(bytes) } } })
    expect(body(1024)).toEqual([])
    expect(body(100 * 1024 + 1)).toEqual(["P2217 spec.http[0].directResponse.body"])
    expect(body(1024 * 1024 + 1)).toEqual(["P2216 spec.http[0].directResponse.body"])
    expect(inHttp({ directResponse: { status: 199 } })).toEqual(["P2005 spec.http[0].directResponse.status"])
    expect(inHttp({ directResponse: { status: 200, body: {} } })).toEqual(["P2006 spec.http[0].directResponse.body"])
    expect(inHttp({ directResponse: { status: 200, body: { bytes: "a$" } } })).toEqual([
      "P2014 spec.http[0].directResponse.body.bytes",
    ])
  })
})

describe("what a forwarding rule adds", () => {
  test("rewrites (sheet 3.2)", () => {
    expect(inRule({ rewrite: {} })).toEqual(["P2210 spec.http[0].rewrite"])
    expect(inRule({ rewrite: { uri: "/", uriRegexRewrite: { match: "a", rewrite: "b" } } })).toEqual([
      "P2006 spec.http[0].rewrite.uriRegexRewrite",
    ])
    expect(inRule({ rewrite: { uriRegexRewrite: { match: "a" } } })).toEqual([
      "P2210 spec.http[0].rewrite.uriRegexRewrite",
    ])
    const substitution = (rewrite: string) => inRule({ rewrite: { uriRegexRewrite: { match: "(a)(b)", rewrite } } })
    for (const good of ["x", "\\0\\1\\2", "a\\\\1"]) expect(substitution(good)).toEqual([])
    for (const bad of ["\\3", "\\x", "a\\"]) {
      expect(substitution(bad)).toEqual(["P2211 spec.http[0].rewrite.uriRegexRewrite.rewrite"])
    }
  })
  test("the authority is written once (sheet 3.2, 3.10 (5))", () => {
    for (const name of ["host", "Host", ":authority"]) {
      expect(inRule({ rewrite: { authority: "b.com" }, headers: { request: { set: { [name]: "c" } } } })).toEqual([
        "P2218 spec.http[0].rewrite.authority",
      ])
    }
  })
  test("header operations (sheet 3.10)", () => {
    const request = (operations: object) => inRule({ headers: { request: operations } })
    expect(request({ set: { "x-a": "%REQ(X)%", ":authority": "a" }, add: { Host: "b" }, remove: ["x-c"] })).toEqual([])
    expect(request({ remove: ["host"] })).toEqual(["P2012 spec.http[0].headers.request.remove[0]"])
    expect(request({ set: { ":path": "/" } })).toEqual(['P2012 spec.http[0].headers.request.set[":path"]'])
    expect(request({ set: { "a b": "/" } })).toEqual(['P2012 spec.http[0].headers.request.set["a b"]'])
    expect(request({ set: { a: "b\r\nc: d" } })).toEqual(["P2012 spec.http[0].headers.request.set.a"])
    expect(inRule({ headers: { response: { set: { host: "a" } } } })).toEqual([
      "P2012 spec.http[0].headers.response.set.host",
    ])
    for (const value of ["50%", "%%%", "%REQ(X)", "%lower%", "%NOPE%", "%REQ()%", "%PROTOCOL(x)%"]) {
      expect([value, request({ add: { a: value } })]).toEqual([value, ["P2224 spec.http[0].headers.request.add.a"]])
    }
    for (const value of ["50%%", "%START_TIME(%Y/%m)%", "%REQ(X?Y):10%", "%PROTOCOL%%%"]) {
      expect([value, request({ add: { a: value } })]).toEqual([value, []])
    }
  })
  test("retries (sheet 3.6)", () => {
    expect(inRule({ retries: { attempts: 0 } })).toEqual([])
    expect(inRule({ retries: { attempts: 0, retryOn: "5xx" } })).toEqual(["P2212 spec.http[0].retries.retryOn"])
    expect(inRule({ retries: { attempts: -1 } })).toEqual(["P2005 spec.http[0].retries.attempts"])
    expect(inRule({ retries: { attempts: 1, retryOn: "5xx, 503,reset" } })).toEqual([])
    expect(inRule({ retries: { attempts: 1, retryOn: "5xx,gateway-eror" } })).toEqual([
      "P2213 spec.http[0].retries.retryOn",
    ])
  })
  test("durations are at least 1 ms, or 0 where that means none", () => {
    for (const timeout of ["0s", "1ms", "1h30m", "1.5s"]) expect(inRule({ timeout })).toEqual([])
    for (const timeout of ["0.5ms", "5", "-1s", "1d", ""]) {
      expect([timeout, inRule({ timeout })]).toEqual([timeout, ["P2007 spec.http[0].timeout"]])
    }
  })
  test("faults and CORS (sheet 3.7, 3.9)", () => {
    expect(inRule({ fault: {} })).toEqual(["P2219 spec.http[0].fault"])
    expect(inRule({ fault: { abort: { httpStatus: 500, grpcStatus: "NOT_FOUND" } } })).toEqual([
      "P2006 spec.http[0].fault.abort.httpStatus",
    ])
    expect(inRule({ fault: { delay: { fixedDelay: "1s", percentage: { value: 100.1 } } } })).toEqual([
      "P2005 spec.http[0].fault.delay.percentage.value",
    ])
    expect(inRule({ corsPolicy: { maxAge: "1.5s" } })).toEqual(["P2215 spec.http[0].corsPolicy.maxAge"])
    expect(inRule({ corsPolicy: { allowMethods: ["GET", "FETCH"] } })).toEqual([
      "P2004 spec.http[0].corsPolicy.allowMethods[1]",
    ])
    expect(inRule({ corsPolicy: { allowOrigin: ["a"] }, mirror_percent: 1 })).toEqual([
      "P2253 spec.http[0].corsPolicy.allowOrigin",
      "P2253 spec.http[0].mirror_percent",
    ])
  })
})

describe("an http rule's matches (sheet 2.4)", () => {
  const match = (block: object) => inRule({ match: [block] })
  const at = "spec.http[0].match[0]"
  test("exactly one of exact, prefix, regex", () => {
    expect(match({ uri: {} })).toEqual([`P2006 ${at}.uri`])
    expect(match({ uri: { exact: "/a", prefix: "/" } })).toEqual([`P2006 ${at}.uri.prefix`])
    expect(match({ method: {} })).toEqual([`P2006 ${at}.method`])
  })
  test("{} and regex * mean present for headers and query parameters", () => {
    expect(match({ headers: { x: {} }, withoutHeaders: { y: { regex: "*" } }, queryParams: { z: {} } })).toEqual([])
    expect(match({ uri: { regex: "*" } })).toEqual([`P2009 ${at}.uri.regex`])
  })
  test("empty prefixes and expressions are errors, except an empty uri prefix", () => {
    expect(match({ uri: { prefix: "" } })).toEqual([])
    expect(match({ headers: { x: { prefix: "" } } })).toEqual([`P2011 ${at}.headers.x.prefix`])
    expect(match({ headers: { x: { exact: "" } } })).toEqual([])
    expect(match({ uri: { regex: "" } })).toEqual([`P2011 ${at}.uri.regex`])
  })
  test("expressions are RE2 and at most 1024 characters", () => {
    for (const regex of ["/(?=a)", "/(?<!a)b", "(a)\\1", "[", "a{1001}", `/${"a".repeat(1024)}`]) {
      expect([regex, match({ uri: { regex } })]).toEqual([regex, [`P2009 ${at}.uri.regex`]])
    }
    for (const regex of ["/a.*", "(?i)/A", "^/a$", "\\pL+"]) expect(match({ uri: { regex } })).toEqual([])
  })
  test("pseudo-headers may be matched, other odd names not", () => {
    expect(match({ headers: { ":path": { prefix: "/a" }, ":method": { exact: "GET" } } })).toEqual([])
    expect(match({ headers: { "a b": {} } })).toEqual([`P2012 ${at}.headers["a b"]`])
  })
  test("conditions that never hold warn", () => {
    expect(match({ uri: { prefix: "foo" } })).toEqual([`P2254 ${at}.uri.prefix`])
    expect(match({ method: { exact: "get" } })).toEqual([`P2255 ${at}.method.exact`])
  })
  test("matching a token's claims needs a gateway", () => {
    const http = [{ route, match: [{ headers: { "@request.auth.claims.sub": { exact: "a" } } }] }]
    expect(found({ hosts: ["a.com"], http })).toEqual([
      "P2256 spec",
      'P2220 spec.http[0].match[0].headers["@request.auth.claims.sub"]',
    ])
  })
})

describe("rules nobody reaches (sheet 14.11)", () => {
  const catchAll = { route }
  const onA = { route, match: [{ uri: { prefix: "/a" } }] }
  test("a rule after a catch-all", () => {
    expect(inHttp(onA, catchAll)).toEqual([])
    expect(inHttp(catchAll, onA)).toEqual(["P2250 spec.http[1]"])
    expect(inHttp({ route, match: [{ uri: { prefix: "/" } }] }, onA)).toEqual(["P2250 spec.http[1]"])
    expect(inHttp({ route, match: [{ uri: { prefix: "/" }, port: 80 }] }, onA)).toEqual([])
    expect(inHttp({ route, match: [{}, { uri: { prefix: "/a" } }] })).toEqual(["P2250 spec.http[0].match[1]"])
  })

  test("a delegating rule shadows nothing: its delegate's own matches decide what it takes (sheet 3.11)", () => {
    expect(inHttp({ delegate: { name: "other" } }, { route })).toEqual([])
  })
  test("the same conditions again, whatever the name", () => {
    expect(inHttp(onA, { route, match: [{ name: "again", uri: { prefix: "/a" } }] })).toEqual([
      "P2251 spec.http[1].match[0]",
    ])
    expect(inHttp(onA, { route, match: [{ uri: { prefix: "/a" }, ignoreUriCase: true }] })).toEqual([])
  })
})

describe("tls and tcp rules (sheet 8, 13)", () => {
  test("tls needs sniHosts within the hosts", () => {
    const tls = (sniHosts: readonly string[]) =>
      found({ hosts: ["*.a.com"], gateways: ["g"], tls: [{ match: [{ sniHosts }], route }] })
    expect(tls(["x.a.com", "*.y.a.com", "*.a.com"])).toEqual([])
    expect(tls([])).toEqual(["P2221 spec.tls[0].match[0].sniHosts"])
    expect(tls(["b.com"])).toEqual(["P2222 spec.tls[0].match[0].sniHosts[0]"])
  })
  test("a rule needs a route", () => {
    expect(found({ hosts: ["a.com"], gateways: ["g"], tcp: [{ match: [{ port: 1 }] }] })).toEqual(["P2205 spec.tcp[0]"])
  })
  test.each(["tls", "tcp"])(
    "conditions of %s matches that a gateway does not evaluate are named (sheet 8.1)",
    (kind) => {
      const match = {
        port: 1,
        gateways: ["g"],
        destinationSubnets: ["10.0.0.0/8"],
        sourceLabels: { app: "a" },
        sourceNamespace: "b",
        ...(kind === "tls" ? { sniHosts: ["a.com"] } : { sourceSubnet: "10.0.0.0/8" }),
      }
      const at = `spec.${kind}[0].match[0]`
      const fields = [
        "destinationSubnets",
        "sourceLabels",
        "sourceNamespace",
        ...(kind === "tcp" ? ["sourceSubnet"] : []),
      ]
      expect(found({ hosts: ["a.com"], gateways: ["g"], [kind]: [{ match: [match], route }] })).toEqual(
        fields.map((field) => `P2257 ${at}.${field}`),
      )
      expect(found({ hosts: ["a.com"], [kind]: [{ match: [match], route }] })).toEqual(["P2256 spec"])
    },
  )
})
