/**
 * What is drawn: destinations by weight, faults and mirrors by percentage (Istio semantics sheet 3.1, 3.7, 3.8). Every
 * count must lie in bounds of the binomial distribution; a correct gateway fails one of these tests once in 10^9 runs or
 * less. Shares too small for real requests are drawn in this process, by the function that the exchange asks.
 */
import { describe, expect, test } from "bun:test"
import { percentToPpm } from "../../src/compile/fault-policy.ts"
import { isDrawn } from "../../src/proxy/fault-injection.ts"
import { type GatewayUnderTest, startGateway } from "../harness/gateway-under-test.ts"
import { RawClient, type RawResponse } from "../harness/raw-client.ts"
import { GATEWAY_YAML, serviceYaml, virtualServiceYaml, yamlOf } from "../harness/routes-to.ts"
import { answer, ScriptedUpstream } from "../harness/scripted-upstream.ts"
import { waitUntil } from "../harness/wait-until.ts"
import { binomialBounds } from "./binomial.ts"

/** Of a whole test, however many counts it looks at. */
const FALSE_FAILURE = 1e-9
const REQUESTS = 2_000
const GET = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
const SERVICES = ["a", "b", "c", "d"] as const

/** Expects `count` of `total` draws to be what a share of that size gives. @param tests how many counts the test looks at */
function expectShare(count: number, total: number, share: number, tests: number): void {
  const { min, max } = binomialBounds(total, share, FALSE_FAILURE / tests)
  expect(count).toBeGreaterThanOrEqual(min)
  expect(count).toBeLessThanOrEqual(max)
}

class World implements AsyncDisposable {
  readonly #services = SERVICES.map((name) =>
    ScriptedUpstream.start(answer(`HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n${name}`)),
  )

  start(rule: string): Promise<GatewayUnderTest> {
    const services = SERVICES.map((name, index) => serviceYaml(`${name}.test`, [this.#services[index]?.port ?? 0]))
    const yaml = yamlOf(GATEWAY_YAML, ...services, virtualServiceYaml("routes", ["*"], rule))
    return startGateway(yaml)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const service of this.#services) await service[Symbol.asyncDispose]()
  }
}

/** One after the other on one connection. */
async function responses(gateway: GatewayUnderTest, count: number): Promise<readonly RawResponse[]> {
  using client = await RawClient.connect(gateway.port(80))
  const received: RawResponse[] = []
  for (let request = 0; request < count; request++) received.push(await client.exchange(GET))
  return received
}

describe("http.route.weight (fact 23)", () => {
  const splits: readonly (readonly number[])[] = [
    [90, 10],
    [50, 50],
    [1, 1, 1],
    [3, 1],
    [999, 1],
    [0, 75, 25],
    [7, 0, 0, 14],
    [1_000_000, 1_000_000],
    [2, 3, 5, 90],
  ]
  for (const weights of splits) {
    test(`${weights.join(" : ")}, whatever the sum`, async () => {
      await using world = new World()
      const route = weights.map(
        (weight, index) => `{ destination: { host: ${SERVICES[index]}.test }, weight: ${weight} }`,
      )
      await using gateway = await world.start(`- route: [${route.join(", ")}]`)
      const texts = (await responses(gateway, REQUESTS)).map(({ text }) => text)
      const sum = weights.reduce((total, weight) => total + weight, 0)
      for (const [index, weight] of weights.entries()) {
        const count = texts.filter((text) => text === SERVICES[index]).length
        expectShare(count, REQUESTS, weight / sum, weights.length)
      }
    })
  }

  test("each request is drawn by itself: what follows one destination is the same as what follows the other", async () => {
    await using world = new World()
    await using gateway = await world.start(
      "- route: [{ destination: { host: a.test }, weight: 1 }, { destination: { host: b.test }, weight: 1 }]",
    )
    const texts = (await responses(gateway, REQUESTS)).map(({ text }) => text)
    const changes = texts.filter((text, index) => index > 0 && text !== texts[index - 1]).length
    expectShare(changes, REQUESTS - 1, 0.5, 1)
  })
})

describe("http.fault (fact 26)", () => {
  for (const percentage of [0.5, 10, 33.3333, 90]) {
    test(`abort of ${percentage} %`, async () => {
      await using world = new World()
      const abort = `abort: { httpStatus: 418, percentage: { value: ${percentage} } }`
      await using gateway = await world.start(`- fault: { ${abort} }\n  route: [{ destination: { host: a.test } }]`)
      const aborted = (await responses(gateway, REQUESTS)).filter(({ status }) => status === 418).length
      expectShare(aborted, REQUESTS, percentage / 100, 1)
    })
  }

  test("delay and abort are drawn each by itself", async () => {
    await using world = new World()
    const fault =
      "delay: { fixedDelay: 1ms, percentage: { value: 30 } }, abort: { httpStatus: 418, percentage: { value: 50 } }"
    const rule = `- fault: { ${fault} }\n  route: [{ destination: { host: a.test } }]`
    await using gateway = await world.start(rule)
    await Promise.all(Array.from({ length: 20 }, () => responses(gateway, REQUESTS / 20)))
    const flags = gateway.records.map(({ responseFlags }) => responseFlags)
    expectShare(flags.filter((each) => each.includes("DI")).length, REQUESTS, 0.3, 3)
    expectShare(flags.filter((each) => each.includes("FI")).length, REQUESTS, 0.5, 3)
    expectShare(flags.filter((each) => each === "DI,FI").length, REQUESTS, 0.15, 3)
  })
})

describe("http.mirrorPercentage", () => {
  for (const percentage of [1, 30]) {
    test(`copies of ${percentage} %`, async () => {
      await using world = new World()
      const mirror = `mirrors: [{ destination: { host: b.test }, percentage: { value: ${percentage} } }, { destination: { host: c.test }, percentage: { value: 50 } }]`
      await using gateway = await world.start(`- ${mirror}\n  route: [{ destination: { host: a.test } }]`)
      await responses(gateway, REQUESTS)
      const statsOf = (host: string) => gateway.gateway.clusters.find(({ spec }) => spec.host === host)?.stats
      const [few, half] = [statsOf("b.test"), statsOf("c.test")]
      await waitUntil(() => few?.upstreamRqActive === 0 && half?.upstreamRqActive === 0, "the end of the copies")
      expectShare(few?.upstreamRqTotal ?? -1, REQUESTS, percentage / 100, 2)
      expectShare(half?.upstreamRqTotal ?? -1, REQUESTS, 0.5, 2)
    })
  }
})

describe("small shares, drawn in this process", () => {
  const DRAWS = 1_000_000
  for (const percentage of [0.0001, 0.01, 0.1, 99.9]) {
    test(`${percentage} % of ${DRAWS} draws`, () => {
      const ppm = percentToPpm(percentage)
      let hits = 0
      for (let draw = 0; draw < DRAWS; draw++) if (isDrawn(ppm, Math.random())) hits++
      expectShare(hits, DRAWS, percentage / 100, 1)
    })
  }

  test("a share is exact: of a million equal steps so many hit as it has parts per million", () => {
    for (const ppm of [0, 1, 999, 1_000, 333_333, 999_999, 1_000_000]) {
      let hits = 0
      for (let step = 0; step < 1_000_000; step++) if (isDrawn(ppm, (step + 0.5) / 1_000_000)) hits++
      expect(hits).toBe(ppm)
    }
  })

  test("the granularity is 0.0001 %; 0 is never and 100 is always, at both ends of the generator", () => {
    expect([0, 0.00004, 0.00005, 0.0001, 33.3333, 100].map(percentToPpm)).toEqual([0, 0, 1, 1, 333_333, 1_000_000])
    const ends = [0, 1 - 2 ** -53]
    expect(ends.map((random) => isDrawn(0, random))).toEqual([false, false])
    expect(ends.map((random) => isDrawn(1_000_000, random))).toEqual([true, true])
  })
})
