import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { RetryOn, type RetryPolicy } from "../compile/snapshot.ts"
import { parseRequestHead } from "../http/h1/request-head.ts"
import { parseResponseHead } from "../http/h1/response-head.ts"
import { DEFAULT_HTTP_LIMITS } from "../http/limits.ts"
import { BODY_UNKNOWN_LENGTH, RequestHead, ResponseHead } from "../http/message.ts"
import type { UpstreamFailureKind } from "../http/stream.ts"
import { backoffMs, isSafelyRepeatable, mayNeedBody, retriesFailure, retriesResponse } from "./retry.ts"

function createPolicy(retryOn: number, changes: Partial<RetryPolicy> = {}): RetryPolicy {
  return {
    attempts: 2,
    retryOn,
    statusCodes: [],
    perTryTimeoutMs: 0,
    backoffBaseMs: 25,
    backoffMaxMs: 250,
    avoidPreviousHosts: true,
    triesOtherPriorities: false,
    repeatsNonIdempotent: true,
    ...changes,
  }
}

const istioDefault =
  RetryOn.connectFailure | RetryOn.refusedStream | RetryOn.grpcUnavailable | RetryOn.grpcCancelled | RetryOn.statusCodes

describe("failures before a response (Istio semantics sheet 3.6)", () => {
  const kinds: readonly UpstreamFailureKind[] = [
    "connect-failure",
    "connect-timeout",
    "connection-termination",
    "protocol-error",
    "per-try-timeout",
    "overflow",
  ]

  function retried(retryOn: number): readonly UpstreamFailureKind[] {
    return kinds.filter((kind) =>
      retriesFailure(createPolicy(retryOn), { kind, transportReason: "", isStaleConnection: false }),
    )
  }

  test("connect-failure is about connecting, not about what comes after", () => {
    expect(retried(RetryOn.connectFailure)).toEqual(["connect-failure", "connect-timeout"])
  })

  test("reset-before-request is about connecting too: no byte of the request went out", () => {
    expect(retried(RetryOn.resetBeforeRequest)).toEqual(["connect-failure", "connect-timeout"])
  })

  test("5xx, gateway-error and reset cover everything but overflow", () => {
    for (const condition of [RetryOn.serverError, RetryOn.gatewayError, RetryOn.reset]) {
      expect(retried(condition)).toEqual(kinds.slice(0, -1))
    }
  })

  test("the default does not retry a connection closed after the request, nor perTryTimeout", () => {
    expect(retried(istioDefault)).toEqual(["connect-failure", "connect-timeout"])
  })

  test("no condition about responses covers a failure", () => {
    const all = RetryOn.retriable4xx | RetryOn.statusCodes | RetryOn.grpcUnavailable | RetryOn.envoyRatelimited
    expect(retried(all)).toEqual([])
  })
})

describe("responses (Istio semantics sheet 3.6)", () => {
  function retried(policy: RetryPolicy, status: number, ...lines: readonly string[]): boolean {
    const head = new ResponseHead()
    const text = `HTTP/1.1 ${status} x\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n`
    expect(parseResponseHead(text, head, false, DEFAULT_HTTP_LIMITS)).toBeGreaterThanOrEqual(0)
    return retriesResponse(policy, head)
  }

  function retriedStatuses(policy: RetryPolicy): readonly number[] {
    return [200, 302, 404, 409, 429, 500, 501, 502, 503, 504, 599].filter((status) => retried(policy, status))
  }

  test("each condition covers its statuses", () => {
    expect(retriedStatuses(createPolicy(RetryOn.serverError))).toEqual([500, 501, 502, 503, 504, 599])
    expect(retriedStatuses(createPolicy(RetryOn.gatewayError))).toEqual([502, 503, 504])
    expect(retriedStatuses(createPolicy(RetryOn.retriable4xx))).toEqual([409])
    expect(retriedStatuses(createPolicy(istioDefault))).toEqual([])
  })

  test("retriable-status-codes covers the listed ones, also below 400", () => {
    const statusCodes = [302, 404, 503]
    expect(retriedStatuses(createPolicy(RetryOn.statusCodes, { statusCodes }))).toEqual([302, 404, 503])
    expect(retriedStatuses(createPolicy(RetryOn.connectFailure, { statusCodes }))).toEqual([])
  })

  test("gRPC conditions look at grpc-status in the head", () => {
    const conditions: readonly (readonly [number, number])[] = [
      [1, RetryOn.grpcCancelled],
      [4, RetryOn.grpcDeadlineExceeded],
      [8, RetryOn.grpcResourceExhausted],
      [13, RetryOn.grpcInternal],
      [14, RetryOn.grpcUnavailable],
    ]
    for (const [status, condition] of conditions) {
      const policies = [createPolicy(condition), createPolicy(condition | RetryOn.statusCodes, { statusCodes: [503] })]
      for (const policy of policies) {
        expect(retried(policy, 200, `grpc-status: ${status}`)).toBe(true)
        expect(retried(policy, 200, "grpc-status: 0")).toBe(false)
        expect(retried(policy, 200, "grpc-status: 5")).toBe(false)
        expect(retried(policy, 200)).toBe(false)
      }
    }
    expect(retried(createPolicy(RetryOn.serverError), 200, "grpc-status: 14")).toBe(false)
  })

  test("a rate-limited response is never retried unless envoy-ratelimited is listed", () => {
    const limited = "x-envoy-ratelimited: true"
    expect(retried(createPolicy(RetryOn.serverError), 503, limited)).toBe(false)
    expect(retried(createPolicy(RetryOn.statusCodes, { statusCodes: [429] }), 429, limited)).toBe(false)
    expect(retried(createPolicy(RetryOn.envoyRatelimited), 429, limited)).toBe(true)
    expect(retried(createPolicy(RetryOn.envoyRatelimited), 429)).toBe(false)
  })
})

describe("delivering twice", () => {
  test("9110 section 9.2.1: safe methods without a body", () => {
    const request = (method: string, bodyLength: number) => Object.assign(new RequestHead(), { method, bodyLength })
    for (const method of ["GET", "HEAD", "OPTIONS", "TRACE"]) {
      expect([method, isSafelyRepeatable(request(method, 0))]).toEqual([method, true])
      expect(isSafelyRepeatable(request(method, 1))).toBe(false)
      expect(isSafelyRepeatable(request(method, BODY_UNKNOWN_LENGTH))).toBe(false)
    }
    for (const method of ["POST", "PUT", "DELETE", "PATCH", "get"]) {
      expect([method, isSafelyRepeatable(request(method, 0))]).toEqual([method, false])
    }
  })

  test("a body is kept only where a retry could come after it was sent", () => {
    const plain = new RequestHead()
    const grpc = new RequestHead()
    const text = "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\n\r\n"
    expect(parseRequestHead(text, grpc, "http", DEFAULT_HTTP_LIMITS)).toBe(0)
    expect(mayNeedBody(createPolicy(istioDefault), plain)).toBe(false)
    expect(mayNeedBody(createPolicy(istioDefault), grpc)).toBe(true)
    expect(mayNeedBody(createPolicy(RetryOn.serverError), plain)).toBe(true)
    expect(mayNeedBody(createPolicy(istioDefault, { statusCodes: [503] }), plain)).toBe(true)
    expect(mayNeedBody(createPolicy(RetryOn.connectFailure | RetryOn.resetBeforeRequest), grpc)).toBe(false)
  })
})

describe("back-off (Istio semantics sheet 3.6)", () => {
  test("retry n waits up to (2^n - 1) times the base, at most the cap", () => {
    const limits = [1, 2, 3, 4, 5, 60, 5000].map((attempt) => backoffMs(createPolicy(0), attempt, 1))
    expect(limits).toEqual([25, 75, 175, 250, 250, 250, 250])
  })

  test("is uniform below that, and never negative or without end", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (attempt, random) => {
          const waitMs = backoffMs(createPolicy(0), attempt, random)
          expect(waitMs).toBe(random * backoffMs(createPolicy(0), attempt, 1))
          expect(waitMs >= 0 && waitMs < 250).toBe(true)
        },
      ),
    )
  })
})
