import { describe, expect, test } from "bun:test"
import { FakeGateway, sampleSnapshot } from "./admin.fixture.ts"
import { attentionOf, attentionSection } from "./home-attention.ts"
import type { CertificateView, ClusterView, TlsServerView } from "./running-gateway.ts"

const nowUnixMs = Date.UTC(2026, 0, 2)
const dayMs = 86_400_000
const [shopServer, lostServer] = new FakeGateway().tlsServers
const [certificate] = shopServer?.certificates ?? []
const [cluster] = new FakeGateway().clusters
if (shopServer === undefined || lostServer === undefined || certificate === undefined || cluster === undefined)
  throw new Error("the fixture lacks something")

const { snapshot, boundListeners } = new FakeGateway()
const well: Parameters<typeof attentionOf>[0] = {
  snapshot,
  boundListeners,
  clusters: [],
  tlsServers: [shopServer],
  lastReload: null,
}

/** `degree text`, each. */
function attention(seen: Partial<typeof well>): readonly string[] {
  return attentionOf({ ...well, ...seen }, nowUnixMs).map(({ degree, text }) => `${degree} ${text}`)
}

function ending(days: number, more: Partial<CertificateView> = {}): TlsServerView {
  if (shopServer === undefined || certificate === undefined) throw new Error("no server")
  return { ...shopServer, certificates: [{ ...certificate, validToUnixMs: nowUnixMs + days * dayMs, ...more }] }
}

/** A cluster with as many endpoints of each kind. */
function withHealth(name: string, healthy: number, unhealthy: number): ClusterView {
  if (cluster === undefined) throw new Error("no cluster")
  const [endpoint] = cluster.endpoints
  if (endpoint === undefined) throw new Error("no endpoint")
  const sick = { ...endpoint, health: { isHealthy: false, isEjected: true, flags: "/failed_outlier_check" } }
  const endpoints = Array.from({ length: healthy + unhealthy }, (_, index) => (index < healthy ? endpoint : sick))
  return { ...cluster, spec: { ...cluster.spec, name }, endpoints }
}

test("where all is well nothing is said", () => {
  expect(attention({})).toEqual([])
  expect(attentionSection([]).text).toBe("")
})

describe("what is not well", () => {
  test("a refused reload", () => {
    const refused = { atUnixMs: 0, ok: false, isInForce: false, problems: "" }
    expect(attention({ lastReload: refused })).toEqual([
      "bad the last reload was refused, the configuration before it serves",
    ])
    expect(attention({ lastReload: { ...refused, ok: true } })).toEqual([])
    // What is not bound has a line of its own.
    expect(attention({ lastReload: { ...refused, isInForce: true } })).toEqual([])
  })

  test("a listener that is not bound; none at all", () => {
    expect(attention({ boundListeners: [] })).toEqual(["bad not bound: 0.0.0.0_8080"])
    expect(attention({ snapshot: { ...sampleSnapshot(), listeners: [] } })).toEqual([
      "warn nothing is listened on: there is no Gateway",
    ])
  })

  test("servers without a certificate, and with one that could not be renewed", () => {
    expect(attention({ tlsServers: [lostServer, { ...shopServer, problem: "broken" }] })).toEqual([
      "bad no certificate to serve with: 0.0.0.0_8443",
      "bad new certificate refused, the one before serves: shop.example",
    ])
  })

  test("certificates that have ended or will within 30 days, each once, the nearest first", () => {
    const servers = [ending(30), ending(31, { subject: "CN=later" }), ending(2.5, { subject: "CN=soon" }), ending(30)]
    expect(attention({ tlsServers: servers })).toEqual([
      "warn expires within 30 days: CN=soon (2 days); CN=shop.example (30 days)",
    ])
    expect(attention({ tlsServers: [ending(0)] })).toEqual(["bad expired: CN=shop.example (0 days)"])
    expect(attention({ tlsServers: [ending(-3)] })).toEqual(["bad expired: CN=shop.example (-3 days)"])
  })

  test("clusters without a healthy endpoint before those with some; beyond five a count", () => {
    const clusters = [
      withHealth("half", 1, 1),
      withHealth("well", 2, 0),
      withHealth("none", 0, 2),
      withHealth("empty", 0, 0),
    ]
    expect(attention({ clusters })).toEqual([
      "bad no healthy endpoint: none; empty",
      "warn some endpoints are not healthy: half",
    ])
    const many = Array.from({ length: 8 }, (_, index) => withHealth(`c${index}`, 0, 1))
    expect(attention({ clusters: many })).toEqual(["bad no healthy endpoint: c0; c1; c2; c3; c4; and 3 more"])
  })
})

test("names stay text on the page", () => {
  const { text } = attentionSection([{ degree: "bad", text: "<b>" }])
  expect(text).toBe('<h2>Needs attention</h2><ul class="attention"><li class="bad">&lt;b&gt;</li></ul>')
})
