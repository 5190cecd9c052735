/** `http.fault` (Istio semantics sheet 3.7). Shares are `shares.test.ts`. */
import { type CaseGroup, type Exchange, goes, TO_ONE } from "./conformance-case.ts"

const fault = (how: string, more = "") => `- fault: { ${how} }\n  ${more}${TO_ONE}`
const ALWAYS = "percentage: { value: 100 }"
const aborted = (status: number, more: Partial<Exchange> = {}): Exchange => ({
  send: "GET /",
  status,
  reply: "fault filter abort",
  fields: { "content-type": "text/plain" },
  log: { flags: "FI", details: "fault_filter_abort" },
  ...more,
})
const GRPC = ["POST /", "Content-Type: application/grpc"]

export const faultCases: CaseGroup = {
  name: "fault",
  cases: [
    ...[200, 400, 503, 555, 599].map((status) => ({
      name: `http.fault.abort.httpStatus: ${status}`,
      source: "sheet 3.7, 5.2",
      http: fault(`abort: { httpStatus: ${status}, ${ALWAYS} }`),
      exchanges: [aborted(status)],
    })),
    {
      name: "http.fault.abort: without a percentage never (fact 26)",
      source: "sheet 3.7, 14.26",
      http: fault("abort: { httpStatus: 503 }"),
      exchanges: Array.from({ length: 20 }, () => goes("GET /", "one", { log: { flags: "" } })),
    },
    {
      name: "http.fault.abort.percentage: {} and 0 are never (fact 26)",
      source: "sheet 3.7, 14.26",
      http: `- match: [{ uri: { prefix: /a } }]
  fault: { abort: { httpStatus: 503, percentage: {} } }
  ${TO_ONE}
${fault("abort: { httpStatus: 503, percentage: { value: 0 } }")}`,
      exchanges: [
        ...Array.from({ length: 10 }, () => goes("GET /a", "one")),
        ...Array.from({ length: 10 }, () => goes("GET /", "one")),
      ],
    },
    {
      name: "http.fault.delay: without a percentage never (fact 26)",
      source: "sheet 3.7, 14.26",
      http: fault("delay: { fixedDelay: 60s }"),
      exchanges: Array.from({ length: 10 }, () => goes("GET /", "one", { log: { flags: "" } })),
    },
    {
      name: "http.fault.delay: the request goes on afterwards, flag DI",
      source: "sheet 3.7",
      http: fault(`delay: { fixedDelay: 20ms, ${ALWAYS} }`),
      exchanges: [
        goes("GET /", "one", { log: { flags: "DI", details: "via_upstream" } }),
        goes("POST /", "one", { body: "held back", upstream: { body: "held back" }, log: { flags: "DI" } }),
      ],
    },
    {
      name: "http.fault.delay.percent: the older whole percentage",
      source: "sheet 3.7",
      http: fault("delay: { fixedDelay: 20ms, percent: 100 }"),
      exchanges: [goes("GET /", "one", { log: { flags: "DI" } })],
    },
    {
      name: "http.fault: delay and abort are drawn each by itself, the delay first",
      source: "sheet 3.7",
      http: fault(`delay: { fixedDelay: 20ms, ${ALWAYS} }, abort: { httpStatus: 418, ${ALWAYS} }`),
      exchanges: [aborted(418, { log: { flags: "DI,FI", details: "fault_filter_abort" } })],
    },
    {
      name: "http.fault.delay: the timeout does not cover it",
      source: "sheet 3.7",
      http: fault(`delay: { fixedDelay: 400ms, ${ALWAYS} }`, "timeout: 250ms\n  "),
      exchanges: [goes("GET /", "one", { log: { flags: "DI" } })],
    },
    {
      name: "http.fault.abort: a request with a body is answered too",
      source: "sheet 3.7",
      http: fault(`abort: { httpStatus: 503, ${ALWAYS} }`),
      exchanges: [aborted(503, { send: "POST /", body: "x".repeat(5000) })],
    },
    {
      name: "http.fault.abort: HEAD has the fields and no body",
      source: "sheet 5.1",
      http: fault(`abort: { httpStatus: 503, ${ALWAYS} }`),
      exchanges: [aborted(503, { send: "HEAD /", reply: "", fields: { "content-length": "18" } })],
    },
    {
      name: "http.fault.abort.httpStatus: a gRPC request gets the mapped status",
      source: "sheet 3.7, 5.3",
      http: fault(`abort: { httpStatus: 403, ${ALWAYS} }`),
      exchanges: [
        aborted(200, {
          send: GRPC,
          body: "",
          reply: "",
          fields: { "grpc-status": "7", "grpc-message": "fault filter abort", "content-type": "application/grpc" },
        }),
      ],
    },
    {
      name: "http.fault.abort.grpcStatus: as it is for gRPC, mapped for others",
      source: "sheet 3.7, 5.3",
      http: fault(`abort: { grpcStatus: NOT_FOUND, ${ALWAYS} }`),
      exchanges: [aborted(200, { send: GRPC, body: "", reply: "", fields: { "grpc-status": "5" } }), aborted(404)],
    },
    {
      name: "http.fault.abort.grpcStatus: UNAVAILABLE is 503 for others",
      source: "sheet 5.3",
      http: fault(`abort: { grpcStatus: UNAVAILABLE, ${ALWAYS} }`),
      exchanges: [aborted(200, { send: GRPC, body: "", reply: "", fields: { "grpc-status": "14" } }), aborted(503)],
    },
    {
      name: "http.fault: comes before CORS, so a preflight can be aborted (fact 26)",
      source: "sheet 3.7, 14.26",
      http: fault(`abort: { httpStatus: 503, ${ALWAYS} }`, 'corsPolicy: { allowOrigins: [{ exact: "*" }] }\n  '),
      exchanges: [
        aborted(503, {
          send: ["OPTIONS /", "Origin: https://a.com", "Access-Control-Request-Method: GET"],
          fields: { "access-control-allow-origin": null },
        }),
      ],
    },
    {
      name: "http.fault: nothing is mirrored of an aborted request",
      source: "sheet 4: fault before the router",
      http: fault(`abort: { httpStatus: 503, ${ALWAYS} }`, "mirror: { host: mirror.test }\n  "),
      exchanges: [aborted(503)],
    },
  ],
}
