import { describe, expect, test } from "bun:test"
import {
  compileExample,
  gateway,
  httpChain,
  listenerOf,
  virtualHostNames,
  virtualService,
} from "./example-configuration.ts"

describe("servers of one port (Istio semantics sheet 1.2)", () => {
  test("plain HTTP-like servers share one listener, one route table and its virtual hosts", () => {
    const example = compileExample(
      gateway({ name: "edge", hosts: ["a.com"], protocol: "HTTP" }) +
        gateway({ name: "other", hosts: ["b.com"], protocol: "grpc" }) +
        virtualService({ name: "a", hosts: ["a.com"], gateways: ["edge"] }) +
        virtualService({ name: "b", hosts: ["b.com"], gateways: ["other"] }),
    )
    expect(example.snapshot.listeners).toHaveLength(1)
    expect(httpChain(example).routes.name).toBe("http.80")
    expect(virtualHostNames(example)).toEqual(["a.com:80", "b.com:80"])
    expect(httpChain(example).gateways.map(({ name }) => name)).toEqual(["edge", "other"])
    expect(example.findings).toEqual([])
  })

  test("plain HTTP first rejects a later HTTPS server on the port", () => {
    const tls = "tls: {mode: SIMPLE, credentialName: c}"
    const example = compileExample(gateway({ name: "a" }) + gateway({ name: "b", protocol: "HTTPS", server: tls }))
    expect(example.findings).toEqual(["P3003 error Gateway default/b spec.servers[0].port"])
  })

  test("HTTPS first tolerates a later plain HTTP server on the port", () => {
    const tls = "tls: {mode: SIMPLE, credentialName: c}"
    const example = compileExample(gateway({ name: "a", protocol: "HTTPS", server: tls }) + gateway({ name: "b" }))
    expect(example.findings).toEqual([])
    const { filterChains } = listenerOf(example, "0.0.0.0_80")
    expect(
      filterChains.map(({ gateways, tls }) => [gateways.map(({ name }) => name).join(), tls?.mode ?? "plain"]),
    ).toEqual([
      ["a", "simple"],
      ["b", "plain"],
    ])
  })

  test.each(["TCP", "HTTP"])("plaintext TCP first rejects a later %s server", (protocol) => {
    const example = compileExample(gateway({ name: "a", protocol: "MONGO" }) + gateway({ name: "b", protocol }))
    expect(example.findings).toEqual([
      "P3003 error Gateway default/b spec.servers[0].port",
      "P3017 warning Gateway default/a spec.servers[0]",
    ])
    expect(example.snapshot.listeners).toEqual([])
  })

  test("who comes first is decided by creation time, then name", () => {
    const example = compileExample(
      gateway({ name: "a", protocol: "TCP", created: "2026-02-01T00:00:00Z" }) +
        gateway({ name: "b", protocol: "HTTP", created: "2026-01-01T00:00:00Z" }),
    )
    expect(example.findings).toEqual(["P3003 error Gateway default/a spec.servers[0].port"])
  })

  test("different binds are different listeners, never in conflict", () => {
    const example = compileExample(
      gateway({ name: "a", server: "bind: 127.0.0.1" }) + gateway({ name: "b", protocol: "TCP" }) + virtualService(),
    )
    expect(example.findings).toContain("P3001 error VirtualService default/site spec.gateways[0]")
    expect(listenerOf(example, "127.0.0.1_80").bindAddress).toBe("127.0.0.1")
    expect(httpChain(example, "127.0.0.1_80").routes.name).toBe("http.80.127.0.0.1")
  })

  test("a TLS host that another server of the port has is rejected, an overlapping wildcard is not", () => {
    const tls = "tls: {mode: SIMPLE, credentialName: c}"
    const https = { protocol: "HTTPS", server: tls, port: 443 }
    const example = compileExample(
      gateway({ ...https, name: "a", hosts: ["x.a.com"] }) +
        gateway({ ...https, name: "b", hosts: ["*.a.com"] }) +
        gateway({ ...https, name: "c", hosts: ["y.a.com", "x.a.com"] }),
    )
    expect(example.findings).toEqual(["P3004 error Gateway default/c spec.servers[0].hosts[1]"])
  })
})

describe("ports (Istio semantics sheet 1.3, 1.6)", () => {
  test("a mapped port names listener and route table, the declared one names virtual hosts", () => {
    const example = compileExample(gateway() + virtualService(), { portMap: new Map([[80, 8080]]) })
    expect(listenerOf(example, "0.0.0.0_8080")).toMatchObject({ declaredPort: 80, boundPort: 8080, bindAddress: null })
    expect(httpChain(example, "0.0.0.0_8080").routes.name).toBe("http.8080")
    expect(virtualHostNames(example, "0.0.0.0_8080")).toEqual(["a.com:80"])
  })

  test("ports that each ask for a free one stay apart", () => {
    const portMap = new Map([
      [80, 0],
      [81, 0],
    ])
    const example = compileExample(gateway() + gateway({ name: "other", port: 81 }), { portMap })
    expect(example.snapshot.listeners.map(({ name, boundPort }) => `${name} ${boundPort}`)).toEqual([
      "0.0.0.0_80 0",
      "0.0.0.0_81 0",
    ])
  })

  test("a unix bind is an address of its own", () => {
    const example = compileExample(gateway({ port: 0, server: "bind: unix:///run/edge.sock" }))
    expect(example.snapshot.listeners[0]?.bindAddress).toBe("unix:/run/edge.sock")
  })
})

test("a port with nothing bound has one virtual host that knows no route (Istio semantics sheet 1.6)", () => {
  const example = compileExample(gateway())
  expect(httpChain(example).routes.virtualHosts).toMatchObject([{ name: "blackhole:80", domains: ["*"], routes: [] }])
})

describe("--selector", () => {
  const yaml = gateway({ name: "edge", selector: "{istio: ingress}" }) + virtualService()

  test("is silent: every Gateway is served", () => {
    expect(compileExample(yaml).snapshot.listeners).toHaveLength(1)
  })

  test("with the labels a Gateway selects: it is served", () => {
    const selector = { istio: "ingress", app: "x" }
    expect(compileExample(yaml, { selector }).snapshot.listeners).toHaveLength(1)
  })

  test("with other labels: it is not served, and its VirtualServices are not at fault", () => {
    const example = compileExample(yaml, { selector: { istio: "egress" } })
    expect(example.snapshot.listeners).toEqual([])
    expect(example.findings).toEqual([])
  })
})
