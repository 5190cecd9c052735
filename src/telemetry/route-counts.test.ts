import { expect, test } from "bun:test"
import type { Route, Snapshot, VirtualHost } from "../compile/snapshot.ts"
import { runAtOnce } from "../config/steps.ts"
import { snapshotOf } from "../explain/explain.fixture.ts"
import { RouteCounts } from "./route-counts.ts"

const rule = (name: string, path: string) =>
  `    - { name: "${name}", match: [{ uri: { exact: ${path} } }], directResponse: { status: 200 } }`

const gateway = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge }
spec: { servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["*"] }] }
`

function virtualService(name: string, hosts: readonly string[], rules: readonly string[]): string {
  return `
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name} }
spec:
  hosts: [${hosts.join(", ")}]
  gateways: [edge]
  http:
${rules.join("\n")}
`
}

function snapshotWith(...rules: readonly string[]): Snapshot {
  return snapshotOf(gateway + virtualService("shop", ["shop.example"], rules))
}

function virtualHostsOf(snapshot: Snapshot): readonly VirtualHost[] {
  const chain = snapshot.listeners[0]?.filterChains[0]
  return chain?.kind === "http" ? chain.routes.virtualHosts : []
}

function routesOf(snapshot: Snapshot): readonly Route[] {
  return virtualHostsOf(snapshot)[0]?.routes ?? []
}

test("responses count by rule and class; no response is neither kind of error", () => {
  const [route] = routesOf(snapshotWith(rule("a", "/a")))
  if (route === undefined) throw new Error("no route")
  const counts = new RouteCounts()
  expect(counts.of(route)).toBeNull()
  for (const status of [200, 302, 404, 500, 503, 0]) counts.count(route, status)
  expect(counts.of(route)).toMatchObject({ total: 6, clientErrors: 1, serverErrors: 2 })
})

test("a new configuration goes on counting where a rule stays, wherever it stands now", () => {
  const before = snapshotWith(rule("a", "/a"), rule("", "/b"), rule("", "/c"))
  const after = snapshotWith(rule("new", "/n"), rule("", "/b"), rule("a", "/a"), rule("", "/c"))
  const counts = new RouteCounts()
  for (const [index, route] of routesOf(before).entries()) {
    for (let time = 0; time <= index; time++) counts.count(route, 200)
  }
  runAtOnce(counts.adopting(before, after))
  expect(routesOf(after).map((route) => [route.name, counts.of(route)?.total ?? 0])).toEqual([
    ["new", 0],
    ["", 2],
    ["a", 1],
    ["", 3],
  ])
})

test("what is counted for either configuration while counts are handed over is in the end counted once, for the new one", () => {
  const before = snapshotWith(rule("a", "/a"))
  const after = snapshotWith(rule("a", "/a"))
  const [old] = routesOf(before)
  const [route] = routesOf(after)
  if (old === undefined || route === undefined) throw new Error("no route")
  const counts = new RouteCounts()
  counts.count(old, 200)
  for (const _ of counts.adopting(before, after)) {
    counts.count(old, 404)
    counts.count(route, 503)
  }
  expect(counts.of(route)).toMatchObject({ total: 5, clientErrors: 2, serverErrors: 2 })
  // An exchange that began under the old configuration ends.
  counts.count(old, 200)
  expect(counts.of(route)?.total).toBe(6)
})

test("a rule that several virtual hosts share is handed over once, whether they still share it or not", () => {
  const both = virtualService("both", ["a.example", "b.example"], [rule("", "/x")])
  const sharing = () => snapshotOf(gateway + both + virtualService("one", ["b.example"], [rule("", "/y")]))
  // The older VirtualService comes first: now the rule stands at another place of one of the two virtual hosts.
  const apart = () => snapshotOf(gateway + virtualService("aaa", ["b.example"], [rule("", "/y")]) + both)
  const sharedOf = (snapshot: Snapshot) =>
    new Set(
      virtualHostsOf(snapshot).flatMap(({ routes }) =>
        routes.filter(({ virtualService: { name } }) => name === "both"),
      ),
    )
  const counts = new RouteCounts()
  const totalOf = (snapshot: Snapshot) => [...sharedOf(snapshot)].map((route) => counts.of(route)?.total ?? 0)

  let snapshot = sharing()
  for (const route of sharedOf(snapshot)) for (let time = 0; time < 3; time++) counts.count(route, 200)
  expect(totalOf(snapshot)).toEqual([3])
  for (let reload = 0; reload < 3; reload++) {
    const next = sharing()
    runAtOnce(counts.adopting(snapshot, next))
    snapshot = next
    expect(totalOf(snapshot)).toEqual([3])
  }
  const next = apart()
  runAtOnce(counts.adopting(snapshot, next))
  expect(totalOf(next)).toEqual([3, 0])
})
