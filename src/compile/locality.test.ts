/** Localities to priorities and shares (Istio semantics sheet 6.4). */
import { describe, expect, test } from "bun:test"
import { placeEndpoints } from "./locality.ts"
import type { EndpointSpec } from "./snapshot.ts"
import type { LocalityLbSetting } from "./traffic-policy.ts"

function endpoints(...localities: readonly string[]): readonly EndpointSpec[] {
  return localities.map((locality, index) => ({
    address: `10.0.0.${index}`,
    port: 80,
    weight: 1,
    labels: {},
    locality,
    priority: 0,
    localityShare: 0,
  }))
}

const own = { locality: "eu/west/a", labels: {} }

function priorities(list: readonly EndpointSpec[], setting?: LocalityLbSetting, place = own): readonly number[] {
  return placeEndpoints(list, setting, true, place).map(({ priority }) => priority)
}

describe("failover", () => {
  test("subzone, zone, region, elsewhere", () => {
    expect(priorities(endpoints("us/east/a", "eu/north/a", "eu/west/b", "eu/west/a"))).toEqual([3, 2, 1, 0])
  })

  test("gaps are closed up", () => {
    expect(priorities(endpoints("us/east/a", "eu/north/a"))).toEqual([1, 0])
    expect(priorities(endpoints("us/east/a"))).toEqual([0])
  })

  test("a failover entry for this region prefers its target to the rest", () => {
    const failover = [
      { from: "us", to: "eu" },
      { from: "eu", to: "us" },
    ]
    expect(priorities(endpoints("ap/x/a", "us/east/a", "eu/west/a"), { failover })).toEqual([2, 1, 0])
  })

  test("without outlier detection all are equal (sheet 14.36)", () => {
    const list = endpoints("us/east/a", "eu/west/a")
    expect(placeEndpoints(list, { failover: [{ from: "eu", to: "us" }] }, false, own)).toBe(list)
  })

  test("a gateway without a locality treats all as equal", () => {
    expect(priorities(endpoints("us/east/a", "eu/west/a"), undefined, { locality: "", labels: {} })).toEqual([0, 0])
  })

  test("enabled: false turns it off", () => {
    expect(priorities(endpoints("us/east/a", "eu/west/a"), { enabled: false })).toEqual([0, 0])
  })
})

describe("failoverPriority", () => {
  const labelled = (...labels: readonly Record<string, string>[]): readonly EndpointSpec[] =>
    endpoints(...labels.map(() => "eu/west/a")).map((endpoint, index) => ({ ...endpoint, labels: labels[index] ?? {} }))

  test("counts the labels that match from the first on", () => {
    const list = labelled({ network: "n1", version: "v1" }, { network: "n1" }, { version: "v1" }, {})
    const place = { locality: "", labels: { network: "n1", version: "v1" } }
    expect(priorities(list, { failoverPriority: ["network", "version"] }, place)).toEqual([0, 1, 2, 2])
  })

  test("a label with a value needs no label of the gateway's", () => {
    const list = labelled({ version: "v2" }, { version: "v1" })
    expect(priorities(list, { failoverPriority: ["version=v2"] }, { locality: "", labels: {} })).toEqual([0, 1])
  })

  test("the topology labels are the locality", () => {
    const list = endpoints("eu/north/a", "eu/west/b", "us/west/a")
    const failoverPriority = ["topology.kubernetes.io/region", "topology.kubernetes.io/zone"]
    expect(priorities(list, { failoverPriority })).toEqual([1, 0, 2])
  })
})

describe("distribute", () => {
  const distribute = [{ from: "eu/west/*", to: { "eu/west/*": 80, "us/*": 20 } }]

  function shares(list: readonly EndpointSpec[], place = own): readonly (readonly [string, number])[] {
    return placeEndpoints(list, { distribute }, false, place).map(({ locality, localityShare }) => [
      locality,
      localityShare,
    ])
  }

  test("gives each locality its share, and others none, with or without outlier detection", () => {
    expect(shares(endpoints("eu/west/a", "us/east/a", "ap/x/a"))).toEqual([
      ["eu/west/a", 80],
      ["us/east/a", 20],
    ])
  })

  test("localities of one pattern divide its share", () => {
    expect(shares(endpoints("eu/west/a", "eu/west/b", "eu/west/b"))).toEqual([
      ["eu/west/a", 40],
      ["eu/west/b", 40],
      ["eu/west/b", 40],
    ])
  })

  test("no entry for this gateway: nothing is distributed", () => {
    expect(shares(endpoints("eu/west/a"), { locality: "us/east/a", labels: {} })).toEqual([["eu/west/a", 0]])
  })
})
