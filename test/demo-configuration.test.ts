import { afterAll, beforeAll, expect, test } from "bun:test"
import { join } from "node:path"
import { compile } from "../src/compile/compile.ts"
import type { Diagnostic } from "../src/config/diagnostics.ts"
import { loadConfiguration } from "../src/config/load-configuration.ts"
import { type Demo, startDemo } from "../src/demo/demo.ts"

const routesFile = join(import.meta.dir, "../routes.yaml")

let demo: Demo
beforeAll(async () => {
  demo = await startDemo()
})
afterAll(() => demo.stop())

test("routes.yaml is without an error or a warning, and every destination is a demo service", async () => {
  const loaded = await loadConfiguration([routesFile])
  const portMap = new Map([
    [80, 8080],
    [443, 8443],
  ])
  const demoServices = demo.services
  const compiled = compile(loaded.resources, { portMap, dnsFallback: false, demoServices, selector: null })
  const lines = (diagnostics: readonly Diagnostic[]) => diagnostics.map(({ line, message }) => `${line}: ${message}`)
  expect(lines(loaded.diagnostics)).toEqual([])
  expect(lines(compiled.diagnostics)).toEqual([])

  expect(compiled.value.listeners.map(({ boundPort }) => boundPort)).toEqual([8080, 8443, 31400])
  const addressesOf = new Map(demo.services.map(({ host, address }) => [host, address]))
  for (const { discovery, host } of compiled.value.clusters) {
    expect(discovery.kind).toBe("static")
    expect(discovery.endpoints.map(({ address, port }) => `${address}:${port}`)).toEqual([addressesOf.get(host) ?? ""])
  }
  const chains = compiled.value.listeners.flatMap(({ filterChains }) => filterChains)
  const virtualHosts = chains.flatMap((chain) => (chain.kind === "http" ? chain.routes.virtualHosts : []))
  expect(virtualHosts.map(({ domains }) => domains)).toEqual([
    ["*"],
    ["shop.example.com"],
    ["webapp.example.com", "*.webapp.example.com"],
    ["shop.example.com"],
    ["partners.example.com"],
  ])
  const destinations = virtualHosts
    .flatMap(({ routes }) => routes)
    .flatMap(({ action }) => (action.kind === "forward" ? action.destinations.entries : []))
  expect(destinations.map(({ clusterIndex }) => compiled.value.clusters[clusterIndex]?.host)).toEqual([
    ...["catalog", "webapp", "webapp", "webapp", "webapp", "webapp"],
    ...["catalog", "webapp"],
    ...["catalog", "webapp"],
  ])
  const servers = chains.flatMap(({ tls, serverNames }) => (tls === null ? [] : [`${serverNames} ${tls.mode}`]))
  expect(servers).toEqual(["shop.example.com simple", "partners.example.com mutual"])
  const forwarded = chains.flatMap((chain) => (chain.kind === "tcp" ? chain.clusters.entries : []))
  expect(forwarded.map(({ clusterName }) => clusterName)).toEqual(["outbound|9000||tcp-echo"])
})
