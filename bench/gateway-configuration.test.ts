import { expect, test } from "bun:test"
import { parseAllDocuments } from "yaml"
import { virtualServiceDocuments } from "./gateway-configuration.ts"
import { benchHosts } from "./proxies/proxy.ts"

test("there is one Gateway, one ServiceEntry and one VirtualService of two rules per host", () => {
  const yaml = virtualServiceDocuments({ port: 8080, upstreamPort: 9090, hosts: benchHosts(3) })
  const documents = parseAllDocuments(yaml).map((document) => {
    expect(document.errors).toEqual([])
    return document.toJS()
  })
  expect(documents.map(({ kind }) => kind)).toEqual(["Gateway", "ServiceEntry", ...Array(3).fill("VirtualService")])
  expect(documents[0].spec.servers[0].port.number).toBe(8080)
  expect(documents[1].spec.ports[0].targetPort).toBe(9090)
  expect(documents.slice(2).map(({ spec }) => [spec.hosts[0], spec.http.length])).toEqual([
    ["host-0.bench.example", 2],
    ["host-1.bench.example", 2],
    ["host-2.bench.example", 2],
  ])
})
