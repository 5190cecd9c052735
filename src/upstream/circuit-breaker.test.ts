/** Limits on retries (Istio semantics sheet 3.6, 6.5; Envoy resource_manager_impl.h, ManagedResourceImpl and RetryBudgetImpl). */
import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { type ConnectionLimits, trafficPolicyDefault } from "../compile/cluster-policies.ts"
import { CircuitBreaker } from "./circuit-breaker.ts"
import { ClusterStats } from "./cluster-stats.ts"

function breaker(limits: Partial<ConnectionLimits>, activeRequests = 0): CircuitBreaker {
  const stats = new ClusterStats()
  stats.upstreamRqActive = activeRequests
  return new CircuitBreaker({ ...trafficPolicyDefault.limits, ...limits }, stats)
}

/** How many retries it admits, one after the other. */
function admitted(subject: CircuitBreaker, attempts = 1_000): number {
  for (let count = 0; count < attempts; count++) {
    if (!subject.admitsRetry) return count
    subject.activeRetries++
  }
  return attempts
}

describe("retries at once", () => {
  test("are not limited by default", () => {
    expect(admitted(breaker({}))).toBe(1_000)
  })

  test("are limited by maxRetries, whatever the load", () => {
    expect(admitted(breaker({ maxRetries: 2 }))).toBe(2)
    expect(admitted(breaker({ maxRetries: 2 }, 500))).toBe(2)
  })

  test("a budget is a share of the active requests, rounded down, and counts in place of maxRetries", () => {
    const retryBudget = { percent: 20, minRetryConcurrency: 0 }
    expect([0, 4, 5, 9, 10, 104].map((active) => admitted(breaker({ maxRetries: 1, retryBudget }, active)))).toEqual([
      0, 0, 1, 1, 2, 20,
    ])
  })

  test("a budget is never less than its minimum", () => {
    const retryBudget = { percent: 20, minRetryConcurrency: 3 }
    expect([0, 10, 19, 20, 25].map((active) => admitted(breaker({ retryBudget }, active)))).toEqual([3, 3, 3, 4, 5])
  })

  test("one that ends makes room for one", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), (maxRetries) => {
        const subject = breaker({ maxRetries })
        admitted(subject)
        subject.activeRetries--
        expect(admitted(subject)).toBe(1)
      }),
    )
  })

  test("a new configuration counts for the next one; those under way stay", () => {
    const subject = breaker({ maxRetries: 2 })
    admitted(subject)
    subject.revise({ ...trafficPolicyDefault.limits, maxRetries: 1 })
    expect([subject.activeRetries, subject.admitsRetry]).toEqual([2, false])
  })
})
