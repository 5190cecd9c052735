import { describe, expect, test } from "bun:test"
import { sampleSnapshot } from "../admin/admin.fixture.ts"
import type { TcpFilterChain } from "../compile/snapshot.ts"
import { demoHints } from "./demo-hints.ts"

describe("lines to try", () => {
  test("forwarded requests first, on localhost first, with the port really bound", () => {
    const bound = [{ name: "0.0.0.0_8080", address: "127.0.0.1", port: 49152 }]
    expect(demoHints(sampleSnapshot(), bound)).toEqual([
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
      gateway: { namespace: "default", name: "tcp" },
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
    expect(demoHints({ ...snapshot, listeners: [listener, http] }, bound).at(-1)).toBe("nc localhost 31400")
  })

  test("a listener that is not bound gives none", () => {
    expect(demoHints(sampleSnapshot(), [{ name: "other", address: "::", port: 1 }])).toEqual([])
  })
})
