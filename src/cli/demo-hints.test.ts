import { describe, expect, test } from "bun:test"
import { sampleSnapshot } from "../admin/admin.fixture.ts"
import type { DownstreamTls, TcpFilterChain } from "../compile/snapshot.ts"
import { demoHints } from "./demo-hints.ts"

describe("lines to try", () => {
  test("forwarded requests first, on localhost first, with the port really bound", () => {
    const bound = [{ name: "0.0.0.0_8080", address: "127.0.0.1", port: 49152 }]
    expect(demoHints(sampleSnapshot(), bound, "certs")).toEqual([
      "curl -i http://localhost:49152/api",
      "curl -i -H 'Host: shop.example' http://localhost:49152/api",
      "curl -i http://localhost:49152/",
    ])
  })

  test("a port of plain TCP is tried with nc, last", () => {
    const snapshot = sampleSnapshot()
    const [http] = snapshot.listeners
    if (http === undefined) throw new Error("no listener")
    const weights = { entries: [], totalWeight: 0 }
    const tcp: TcpFilterChain = {
      kind: "tcp",
      tls: null,
      serverNames: [],
      gateways: [{ namespace: "default", name: "tcp" }],
      location: { file: "routes.yaml", line: 1, column: 1 },
      clusters: weights,
      idleTimeoutMs: 0,
      maxConnectionDurationMs: 0,
      requiredAlpnProtocols: [],
    }
    const listener = { ...http, name: "0.0.0.0_31400", filterChains: [tcp] }
    const bound = [
      { name: "0.0.0.0_8080", address: "127.0.0.1", port: 8080 },
      { name: "0.0.0.0_31400", address: "127.0.0.1", port: 31400 },
    ]
    expect(demoHints({ ...snapshot, listeners: [listener, http] }, bound, "certs").at(-1)).toBe("nc localhost 31400")
  })

  test("each mode of TLS is tried with the files that certs dev makes", () => {
    const snapshot = sampleSnapshot()
    const [http] = snapshot.listeners
    const [chain] = http?.filterChains ?? []
    if (http === undefined || chain?.kind !== "http") throw new Error("no listener")
    const tls: DownstreamTls = {
      mode: "simple",
      certificates: [],
      versionMin: "TLSv1.2",
      versionMax: "TLSv1.3",
      cipherSuites: "",
      curves: "",
      alpnProtocols: [],
      clientCertificates: null,
    }
    const chains = [
      { ...chain, tls, serverNames: ["*.wild.example", "shop.example"] },
      { ...chain, tls: { ...tls, mode: "mutual" as const }, serverNames: ["m.shop.example"] },
      { ...chain, tls, serverNames: ["www.shop.example"] },
    ]
    const listener = { ...http, name: "0.0.0.0_8443", filterChains: chains }
    const bound = [{ name: "0.0.0.0_8443", address: "127.0.0.1", port: 8443 }]
    expect(demoHints({ ...snapshot, listeners: [listener] }, bound, "certs")).toEqual([
      "curl -i --cacert certs/ca/ca.crt --resolve shop.example:8443:127.0.0.1 https://shop.example:8443/api",
      "curl -i --cacert certs/ca/ca.crt --cert certs/client/tls.crt --key certs/client/tls.key --resolve m.shop.example:8443:127.0.0.1 https://m.shop.example:8443/api",
    ])
  })

  test("a listener that is not bound gives none", () => {
    expect(demoHints(sampleSnapshot(), [{ name: "other", address: "::", port: 1 }], "certs")).toEqual([])
  })
})
