import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { parseResources } from "../config/parse-resources.ts"
import { compile } from "./compile.ts"
import { defaultOptions, gateway, toWebapp, virtualService } from "./example-configuration.ts"
import type { Snapshot } from "./snapshot.ts"

const hosts = ["a.com", "b.com", "*.a.com", "x.a.com", "*", "short"]
const gatewayDocument = fc
  .record({
    name: fc.constantFrom("edge", "second", "third"),
    namespace: fc.constantFrom("default", "shop"),
    hosts: fc.uniqueArray(fc.constantFrom("a.com", "*.a.com", "*", "shop/b.com", "./x.a.com"), {
      minLength: 1,
      maxLength: 3,
    }),
    port: fc.constantFrom(80, 81),
    protocol: fc.constantFrom("HTTP", "TCP", "GRPC"),
  })
  .map(gateway)
const rule = fc.constantFrom(
  `{name: all, ${toWebapp}}`,
  `{name: exact, match: [{uri: {exact: /x}}, {port: 81}], ${toWebapp}}`,
  "{name: dns, match: [{uri: {prefix: /d}}], route: [{destination: {host: backend}}]}",
  "{name: leaf, delegate: {name: leaf}}",
  "{name: moved, match: [{method: {exact: GET}}], redirect: {uri: /y}}",
)
const virtualServiceDocument = fc
  .record({
    name: fc.constantFrom("v1", "v2", "v3", "leaf"),
    namespace: fc.constantFrom("default", "shop"),
    hosts: fc.uniqueArray(fc.constantFrom(...hosts), { maxLength: 2 }),
    gateways: fc.uniqueArray(fc.constantFrom("default/edge", "shop/second", "third", "gone"), { maxLength: 3 }),
    exportTo: fc.constantFrom(["*"], ["."], ["shop"]),
    rules: fc.array(rule, { minLength: 1, maxLength: 3 }),
  })
  .map(virtualService)
const documents = fc.uniqueArray(fc.oneof(gatewayDocument, virtualServiceDocument), {
  maxLength: 8,
  // Two resources of one name are an error of config/.
  selector: (text) => text.slice(0, text.indexOf("\nspec:")),
})

describe("compile", () => {
  test("gives the same Snapshot whatever order the resources come in", () => {
    fc.assert(
      fc.property(documents, fc.nat(), (texts, seed) => {
        const resources = parseResources(texts.map((text, index) => ({ path: `${index}.yaml`, text }))).value
        const at = resources.length === 0 ? 0 : seed % resources.length
        const rotated = [...resources.slice(at), ...resources.slice(0, at)].toReversed()
        const one = compile(resources, defaultOptions)
        const other = compile(rotated, defaultOptions)
        expect(describeSnapshot(other.value)).toEqual(describeSnapshot(one.value))
        expect(other.diagnostics).toEqual(one.diagnostics)
      }),
    )
  })

  test("keeps its own promises: indices, unique names, known clusters, one value per domain", () => {
    fc.assert(
      fc.property(documents, (texts) => {
        const resources = parseResources([{ path: "all.yaml", text: texts.join("") }]).value
        const { value } = compile(resources, defaultOptions)
        expect(value.clusters.map(({ index }) => index)).toEqual(value.clusters.map((_, index) => index))
        expect(new Set(value.clusters.map(({ name }) => name)).size).toBe(value.clusters.length)
        for (const chain of value.listeners.flatMap(({ filterChains }) => filterChains)) {
          if (chain.kind !== "http") continue
          const { virtualHosts, hosts: table } = chain.routes
          const domains = virtualHosts.flatMap((host) => host.domains)
          expect(new Set(domains).size).toBe(domains.length)
          for (const host of virtualHosts) {
            expect(host.routes.map(({ index }) => index)).toEqual(host.routes.map((_, index) => index))
            for (const domain of host.domains) expect(table.find(domain.replace("*", "any"))).toBe(host)
            for (const { action } of host.routes) {
              if (action.kind !== "forward") continue
              for (const { clusterName, clusterIndex } of action.destinations.entries) {
                expect(clusterIndex < 0 ? clusterName : value.clusters[clusterIndex]?.name).toBe(clusterName)
              }
            }
          }
        }
      }),
    )
  })

  test("of nothing is an empty Snapshot", () => {
    expect(compile([], defaultOptions)).toMatchObject({
      value: { listeners: [], virtualHostCount: 0, routeCount: 0 },
      diagnostics: [],
    })
  })

  test("reports a finding once, however many ports and hosts serve the rule", () => {
    const text =
      gateway() +
      gateway({ name: "second", port: 81 }) +
      virtualService({
        hosts: ["a.com", "b.com"],
        gateways: ["edge", "second"],
        rules: ["{route: [{destination: {host: backend}}]}"],
      })
    const { diagnostics } = compile(parseResources([{ path: "x.yaml", text }]).value, defaultOptions)
    expect(diagnostics.map(({ code }) => code)).toEqual(["P3006"])
    expect(diagnostics[0]).toMatchObject({
      severity: "warning",
      file: "x.yaml",
      resource: "VirtualService default/site",
      path: "spec.http[0].route[0].destination.host",
    })
  })
})

/** What decides where requests go, as plain data. */
function describeSnapshot(snapshot: Snapshot): unknown {
  return {
    clusters: snapshot.clusters.map(({ name }) => name),
    listeners: snapshot.listeners.map((listener) => ({
      name: listener.name,
      chains: listener.filterChains.map((chain) =>
        chain.kind === "tcp"
          ? chain.gateways
          : chain.routes.virtualHosts.map((host) => ({
              name: host.name,
              domains: host.domains,
              routes: host.routes.map(({ name, virtualService: from, match, action }) => ({
                name,
                from,
                match,
                action,
              })),
            })),
      ),
    })),
  }
}
