/** `http.timeout` (Istio semantics sheet 3.5). Streaming and time itself are `timeouts.test.ts`. */
import { type CaseGroup, type Exchange, goes, SILENCE, TO_GONE, TO_ONE } from "./conformance-case.ts"

const timesOut = (more: Partial<Exchange> = {}): Exchange => ({
  send: "GET /",
  to: "one",
  answers: { one: [SILENCE, SILENCE, SILENCE] },
  status: 504,
  reply: "upstream request timeout",
  fields: { "content-type": "text/plain", "x-envoy-upstream-service-time": null },
  log: { flags: "UT", details: "upstream_response_timeout" },
  ...more,
})
const told = (fields: Record<string, string | null>, ...lines: readonly string[]): Exchange =>
  goes(["GET /", ...lines], "one", { upstream: { fields } })

export const timeout: CaseGroup = {
  name: "timeout",
  cases: [
    {
      name: "http.timeout: 504, `upstream request timeout`, UT (fact 22)",
      source: "sheet 3.5, 5.2, 14.22",
      http: `- timeout: 50ms\n  ${TO_ONE}`,
      exchanges: [timesOut()],
    },
    {
      name: "http.timeout: a request with a body",
      source: "sheet 3.5",
      http: `- timeout: 50ms\n  ${TO_ONE}`,
      exchanges: [timesOut({ send: "POST /", body: "abc", upstream: { body: "abc" } })],
    },
    {
      name: "http.timeout: HEAD has the fields and no body",
      source: "sheet 5.1",
      http: `- timeout: 50ms\n  ${TO_ONE}`,
      exchanges: [timesOut({ send: "HEAD /", reply: "", fields: { "content-length": "24" } })],
    },
    {
      name: "http.timeout: covers retries and their back-off",
      source: "sheet 3.5",
      http: `- timeout: 60ms\n  retries: { attempts: 1000, backoff: 1ms, retryOn: connect-failure }\n  ${TO_GONE}`,
      exchanges: [
        {
          send: "GET /",
          status: 504,
          reply: "upstream request timeout",
          log: { flags: "UT", details: "upstream_response_timeout" },
        },
      ],
    },
    {
      name: "http.timeout: is never retried",
      source: "sheet 3.6: never retried",
      http: `- timeout: 50ms\n  retries: { attempts: 3, retryOn: "5xx,gateway-error,reset" }\n  ${TO_ONE}`,
      exchanges: [timesOut()],
    },
    {
      name: "http.timeout: the service is told in x-envoy-expected-rq-timeout-ms",
      source: "sheet 3.5, 4.1",
      http: `- timeout: 1.5s\n  ${TO_ONE}`,
      exchanges: [told({ "x-envoy-expected-rq-timeout-ms": "1500" }, "X-Envoy-Expected-Rq-Timeout-Ms: 1")],
    },
    {
      name: "http.timeout: none by default, and nothing is told (fact 20)",
      source: "sheet 3.5, 14.20",
      http: `- match: [{ uri: { exact: /zero } }]\n  timeout: 0s\n  ${TO_ONE}\n- ${TO_ONE}`,
      exchanges: [
        told({ "x-envoy-expected-rq-timeout-ms": null }),
        goes("GET /zero", "one", { upstream: { fields: { "x-envoy-expected-rq-timeout-ms": null } } }),
      ],
    },
    {
      name: "http.timeout: a client cannot choose one with x-envoy-upstream-rq-timeout-ms",
      source: "sheet 3.5, 4.1",
      http: `- ${TO_ONE}`,
      exchanges: [
        told(
          { "x-envoy-upstream-rq-timeout-ms": null, "x-envoy-expected-rq-timeout-ms": null },
          "X-Envoy-Upstream-Rq-Timeout-Ms: 1",
          "X-Envoy-Upstream-Rq-Per-Try-Timeout-Ms: 1",
          "X-Envoy-Upstream-Rq-Timeout-Alt-Response: 1",
        ),
      ],
    },
    {
      name: "http.timeout: a gRPC request gets UNAVAILABLE, not DEADLINE_EXCEEDED (fact 32)",
      source: "sheet 5.3, 14.32",
      http: `- timeout: 50ms\n  ${TO_ONE}`,
      exchanges: [
        timesOut({
          send: ["POST /", "Content-Type: application/grpc"],
          body: "",
          status: 200,
          reply: "",
          fields: {
            "grpc-status": "14",
            "grpc-message": "upstream request timeout",
            "content-type": "application/grpc",
          },
        }),
      ],
    },
    {
      name: "grpc-timeout: is honoured where the route has no timeout",
      source: "sheet 3.5",
      http: `- ${TO_ONE}`,
      exchanges: [
        timesOut({
          send: ["POST /", "Content-Type: application/grpc", "grpc-timeout: 50m"],
          body: "",
          status: 200,
          reply: "",
          fields: { "grpc-status": "14" },
          upstream: { fields: { "x-envoy-expected-rq-timeout-ms": "50", "grpc-timeout": "50m" } },
        }),
      ],
    },
    {
      name: "grpc-timeout: is capped by the route's timeout, and the service is told so",
      source: "sheet 3.5; Envoy router.cc setTimeoutHeaders",
      http: `- timeout: 2s\n  ${TO_ONE}`,
      exchanges: [
        goes(["POST /", "Content-Type: application/grpc", "grpc-timeout: 1H"], "one", {
          body: "",
          upstream: { fields: { "x-envoy-expected-rq-timeout-ms": "2000", "grpc-timeout": "2000m" } },
        }),
        goes(["POST /", "Content-Type: application/grpc", "grpc-timeout: 1500m"], "one", {
          body: "",
          upstream: { fields: { "x-envoy-expected-rq-timeout-ms": "1500", "grpc-timeout": "1500m" } },
        }),
        goes(["POST /", "Content-Type: application/grpc"], "one", {
          body: "",
          upstream: { fields: { "x-envoy-expected-rq-timeout-ms": "2000", "grpc-timeout": "2000m" } },
        }),
      ],
    },
    {
      name: "grpc-timeout: of a request that is not gRPC is only forwarded",
      source: "sheet 3.5",
      http: `- ${TO_ONE}`,
      exchanges: [told({ "grpc-timeout": "1m", "x-envoy-expected-rq-timeout-ms": null }, "grpc-timeout: 1m")],
    },
    {
      name: "grpc-timeout: a malformed one counts for nothing",
      source: "gRPC over HTTP/2: 1 to 8 digits and a unit",
      http: `- ${TO_ONE}`,
      exchanges: ["123456789m", "1", "m", "-1S", "1x"].map((text) =>
        goes(["POST /", "Content-Type: application/grpc", `grpc-timeout: ${text}`], "one", {
          body: "",
          upstream: { fields: { "x-envoy-expected-rq-timeout-ms": null, "grpc-timeout": text } },
        }),
      ),
    },
    {
      name: "x-envoy-upstream-service-time: whole milliseconds, on a service's answers only",
      source: "sheet 4.3",
      http: `- match: [{ uri: { exact: /gone } }]\n  retries: { attempts: 0 }\n  ${TO_GONE}\n- ${TO_ONE}`,
      exchanges: [
        {
          send: "GET /gone",
          status: 503,
          reply:
            "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure, transport failure reason: delayed connect error: Connection refused",
          fields: { "x-envoy-upstream-service-time": null },
        },
      ],
    },
  ],
}
