import { describe, expect, test } from "bun:test"
import type { DnsOutcome } from "./dns.ts"
import { DnsDiscovery, lookupsMax, lookupTimeoutMs, refreshMaxMs, retryAfterFailureMs } from "./dns-discovery.ts"
import { ManualScheduler, settlePromises } from "./manual-scheduler.ts"

function answered(addresses: readonly string[], ttlMs = 0): DnsOutcome {
  return { kind: "answered", addresses, ttlMs }
}

const failed: DnsOutcome = { kind: "failed", reason: "DNS_ETIMEOUT" }

/** A discovery whose look-ups wait until the test answers them, oldest first. */
function createDiscovery() {
  const scheduler = new ManualScheduler()
  const questions: { readonly name: string; readonly answer: (outcome: DnsOutcome) => void }[] = []
  const discovery = new DnsDiscovery((name) => new Promise((answer) => questions.push({ name, answer })), scheduler)
  return {
    discovery,
    scheduler,
    questions,
    async answerNext(outcome: DnsOutcome): Promise<void> {
      questions.shift()?.answer(outcome)
      await settlePromises()
    },
  }
}

const ignore = (): void => undefined

describe("refreshing", () => {
  test.each([
    ["a TTL is waited for", answered(["10.0.0.1"], 30_000), 30_000],
    ["a TTL below one second counts as one second", answered(["10.0.0.1"], 20), 1_000],
    ["without a TTL it is 5 seconds", answered(["10.0.0.1"]), 5_000],
    ["a name without addresses is asked for again after 5 seconds", answered([]), 5_000],
    ["after a failure it is 5 seconds", failed, retryAfterFailureMs],
    ["a TTL of many years is cut to one day", answered(["10.0.0.1"], 2 ** 31 * 1000), refreshMaxMs],
  ])("%s", async (_title, outcome, delayMs) => {
    const { discovery, scheduler, questions, answerNext } = createDiscovery()
    discovery.subscribe("backend.test", ignore)
    await answerNext(outcome)
    await scheduler.advance(delayMs - 1)
    expect(questions).toHaveLength(0)
    await scheduler.advance(1)
    expect(questions.map((question) => question.name)).toEqual(["backend.test"])
  })

  test("the addresses of the last answer stay while DNS fails", async () => {
    const { discovery, scheduler, answerNext } = createDiscovery()
    const outcomes: string[] = []
    const subscription = discovery.subscribe("backend.test", (outcome) => outcomes.push(outcome.kind))
    await answerNext(answered(["10.0.0.1"], 1_000))
    await scheduler.advance(1_000)
    await answerNext(failed)
    expect(subscription.addresses).toEqual(["10.0.0.1"])
    await scheduler.advance(retryAfterFailureMs)
    await answerNext(answered(["10.0.0.2"]))
    expect(subscription.addresses).toEqual(["10.0.0.2"])
    expect(outcomes).toEqual(["answered", "failed", "answered"])
  })

  test("a name that no longer exists loses its addresses", async () => {
    const { discovery, scheduler, answerNext } = createDiscovery()
    const subscription = discovery.subscribe("backend.test", ignore)
    await answerNext(answered(["10.0.0.1"], 1_000))
    await scheduler.advance(1_000)
    await answerNext(answered([]))
    expect(subscription.addresses).toEqual([])
  })

  test("a first failure is an outcome: nobody waits for it any longer", async () => {
    const { discovery, answerNext } = createDiscovery()
    const subscription = discovery.subscribe("backend.test", ignore)
    expect(subscription.hasOutcome).toBe(false)
    await answerNext(failed)
    expect(subscription.hasOutcome).toBe(true)
    expect(subscription.addresses).toEqual([])
  })
})

describe("sharing", () => {
  test("a name is asked for once, whatever its case and however many want it", async () => {
    const { discovery, questions, answerNext } = createDiscovery()
    const told: number[] = []
    const first = discovery.subscribe("Backend.test", () => told.push(1))
    const second = discovery.subscribe("backend.TEST", () => told.push(2))
    expect(questions.map((question) => question.name)).toEqual(["backend.test"])
    await answerNext(answered(["10.0.0.1"]))
    expect(told).toEqual([1, 2])
    expect([first.addresses, second.addresses]).toEqual([["10.0.0.1"], ["10.0.0.1"]])
  })

  test("a later subscriber has the last answer at once", async () => {
    const { discovery, questions, answerNext } = createDiscovery()
    discovery.subscribe("backend.test", ignore)
    await answerNext(answered(["10.0.0.1"]))
    const late = discovery.subscribe("backend.test", ignore)
    expect(late.hasOutcome).toBe(true)
    expect(late.addresses).toEqual(["10.0.0.1"])
    expect(questions).toHaveLength(0)
  })

  test("a name is refreshed until its last subscriber stops", async () => {
    const { discovery, scheduler, questions, answerNext } = createDiscovery()
    const told: number[] = []
    const first = discovery.subscribe("backend.test", () => told.push(1))
    const second = discovery.subscribe("backend.test", () => told.push(2))
    await answerNext(answered(["10.0.0.1"]))
    first.stop()
    await scheduler.advance(5_000)
    await answerNext(answered(["10.0.0.1"]))
    expect(told).toEqual([1, 2, 2])
    second.stop()
    expect(scheduler.pendingCount).toBe(0)
    await scheduler.advance(60_000)
    expect(questions).toHaveLength(0)
  })

  test("a subscriber that another one stops while both are told is not told", async () => {
    const { discovery, answerNext } = createDiscovery()
    const told: string[] = []
    discovery.subscribe("backend.test", () => second.stop())
    const second = discovery.subscribe("backend.test", () => told.push("second"))
    await answerNext(answered(["10.0.0.1"]))
    expect(told).toEqual([])
  })
})

describe("limits", () => {
  test("no more than a fixed number of look-ups run at once; the rest follow in order", async () => {
    const { discovery, questions, answerNext } = createDiscovery()
    const names = Array.from({ length: lookupsMax + 3 }, (_, index) => `host-${index}.test`)
    for (const name of names) discovery.subscribe(name, ignore)
    expect(questions.map((question) => question.name)).toEqual(names.slice(0, lookupsMax))
    await answerNext(answered([]))
    await answerNext(failed)
    expect(questions.map((question) => question.name)).toEqual(names.slice(2, lookupsMax + 2))
  })

  test("a name that was given up while it waited for its turn is not asked for", async () => {
    const { discovery, questions, answerNext } = createDiscovery()
    for (let index = 0; index < lookupsMax; index++) discovery.subscribe(`host-${index}.test`, ignore)
    discovery.subscribe("waiting.test", ignore).stop()
    await answerNext(answered([]))
    expect(questions).toHaveLength(lookupsMax - 1)
  })

  test("a look-up that never ends is given up, frees its place, and its late answer is dropped", async () => {
    const { discovery, scheduler, questions } = createDiscovery()
    const outcomes: DnsOutcome[] = []
    const subscription = discovery.subscribe("silent.test", (outcome) => outcomes.push(outcome))
    await scheduler.advance(lookupTimeoutMs)
    expect(outcomes).toEqual([{ kind: "failed", reason: "TIMEOUT" }])
    questions.shift()?.answer(answered(["10.0.0.9"]))
    await settlePromises()
    expect(outcomes).toHaveLength(1)
    expect(subscription.addresses).toEqual([])
    await scheduler.advance(retryAfterFailureMs)
    expect(questions).toHaveLength(1)
  })

  test("a resolver that rejects is a failed look-up", async () => {
    const discovery = new DnsDiscovery(() => Promise.reject(new Error("broken")), new ManualScheduler())
    const outcomes: DnsOutcome[] = []
    discovery.subscribe("backend.test", (outcome) => outcomes.push(outcome))
    await settlePromises()
    expect(outcomes).toEqual([{ kind: "failed", reason: "Error: broken" }])
  })
})

test("after stop nothing is asked for and late answers are dropped", async () => {
  const { discovery, scheduler, questions, answerNext } = createDiscovery()
  const told: DnsOutcome[] = []
  const subscription = discovery.subscribe("backend.test", (outcome) => told.push(outcome))
  discovery.stop()
  await answerNext(answered(["10.0.0.1"], 1_000))
  await scheduler.advance(60_000)
  expect(told).toEqual([])
  expect(questions).toHaveLength(0)
  expect(scheduler.pendingCount).toBe(0)
  subscription.stop()
})
