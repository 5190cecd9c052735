/** Answers of the gateway's own (Istio semantics sheet 5), and what it does to every message (facts 15, 29-32 of sheet 14). */
import {
  answerWith,
  type CaseGroup,
  type Exchange,
  goes,
  HANG_UP,
  misses,
  raw,
  TO_EMPTY,
  TO_GONE,
  TO_ONE,
} from "./conformance-case.ts"

const RESET = "upstream connect error or disconnect/reset before headers. reset reason:"
const GRPC = ["POST /", "Content-Type: application/grpc"]
const grpcError = (status: string, message: string | null, more: Partial<Exchange> = {}): Exchange => ({
  send: GRPC,
  body: "",
  status: 200,
  reply: "",
  fields: {
    "content-type": "application/grpc",
    "grpc-status": status,
    "grpc-message": message,
    "content-length": "0",
  },
  ...more,
})

export const localReplies: CaseGroup = {
  name: "local-replies",
  cases: [
    {
      name: "404: no route, without a body and a type (form)",
      source: "sheet 5.1, 5.2",
      http: `- match: [{ uri: { exact: /a } }]\n  ${TO_ONE}`,
      exchanges: [
        misses("GET /b", { reply: "", fields: { "content-length": "0", "content-type": null, server: "portcullis" } }),
      ],
    },
    {
      name: "503: the service closes before it answers",
      source: "sheet 5.2",
      http: `- ${TO_ONE}`,
      exchanges: [
        {
          send: "POST /",
          body: "x",
          to: "one",
          answers: { one: [HANG_UP] },
          status: 503,
          reply: `${RESET} connection termination`,
          fields: { "content-type": "text/plain", "x-envoy-upstream-service-time": null },
          log: { flags: "UC", details: "upstream_reset_before_response_started{connection_termination}" },
        },
      ],
    },
    {
      name: "502: a malformed answer of the service",
      source: "sheet 5.2",
      http: `- ${TO_ONE}`,
      exchanges: [
        {
          send: "GET /",
          to: "one",
          answers: { one: [raw("HTTP/1.1 200 OK\r\nbroken\r\n\r\n")] },
          status: 502,
          reply: `${RESET} protocol error`,
          log: { flags: "UPE", details: "upstream_reset_before_response_started{protocol_error}" },
        },
      ],
    },
    {
      name: "gRPC: no route is UNIMPLEMENTED without a message (fact 32)",
      source: "sheet 5.3, 14.32",
      http: `- match: [{ uri: { exact: /a } }]\n  ${TO_ONE}`,
      exchanges: [grpcError("12", null, { log: { flags: "NR" } })],
    },
    {
      name: "gRPC: no healthy upstream is UNAVAILABLE (fact 32)",
      source: "sheet 5.3, 14.32",
      http: `- ${TO_EMPTY}`,
      exchanges: [grpcError("14", "no healthy upstream", { log: { flags: "UH" } })],
    },
    {
      name: "gRPC: a refused connection is UNAVAILABLE with the text (fact 32)",
      source: "sheet 5.3, 14.32",
      http: `- retries: { attempts: 0 }\n  ${TO_GONE}`,
      exchanges: [
        grpcError(
          "14",
          `${RESET} remote connection failure, transport failure reason: delayed connect error: Connection refused`,
        ),
      ],
    },
    {
      name: "gRPC: application/grpc+proto is gRPC, application/grpc-web and grpcx are not",
      source: "sheet 5.3",
      http: `- ${TO_EMPTY}`,
      exchanges: [
        grpcError("14", "no healthy upstream", { send: ["POST /", "Content-Type: application/grpc+proto"] }),
        { send: ["POST /", "Content-Type: application/grpc-web"], body: "", status: 503, reply: "no healthy upstream" },
        { send: ["POST /", "Content-Type: application/grpcx"], body: "", status: 503, reply: "no healthy upstream" },
      ],
    },
    {
      name: "gRPC: the rule's response operations apply",
      source: "sheet 3.10 (8)",
      http: `- headers: { response: { set: { x-a: rule } } }\n  ${TO_EMPTY}`,
      exchanges: [grpcError("14", "no healthy upstream", { fields: { "x-a": "rule" } })],
    },
    {
      name: "CONNECT: no route matches it: 404",
      source: "sheet 4.4",
      http: `- ${TO_ONE}`,
      exchanges: [misses("CONNECT $host:443")],
    },
    {
      name: "upgrade: another than websocket is 403 without a body",
      source: "sheet 4.4, 5.2",
      http: `- ${TO_ONE}`,
      exchanges: [
        {
          send: ["GET /", "Connection: Upgrade", "Upgrade: foo/2"],
          status: 403,
          reply: "",
          log: { details: "upgrade_failed" },
        },
      ],
    },
    {
      name: "upgrade: h2c is ignored, the request is served as HTTP/1.1",
      source: "sheet 4.4",
      http: `- ${TO_ONE}`,
      exchanges: [
        goes(
          ["GET /", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"],
          "one",
          {
            upstream: { fields: { upgrade: null, connection: null, "http2-settings": null } },
          },
        ),
      ],
    },
    {
      name: "upgrade: a websocket that the service refuses is its ordinary answer",
      source: "sheet 4.4",
      http: `- ${TO_ONE}`,
      exchanges: [
        goes(["GET /ws", "Connection: Upgrade", "Upgrade: websocket"], "one", {
          answers: { one: [answerWith(426, "no")] },
          status: 426,
          reply: "no",
          upstream: { fields: { upgrade: "websocket", connection: "Upgrade" } },
        }),
      ],
    },
    {
      name: "upgrade: without Connection: Upgrade it is an ordinary request, and not forwarded",
      source: "sheet 4.1",
      http: `- ${TO_ONE}`,
      exchanges: [goes(["GET /", "Upgrade: websocket"], "one", { upstream: { fields: { upgrade: null } } })],
    },
    {
      name: "upgrade: a redirect and a direct response answer a websocket too",
      source: "sheet 3.3, 3.4",
      http: `- match: [{ uri: { exact: /r } }]\n  redirect: { uri: /new }\n- directResponse: { status: 418 }`,
      exchanges: [
        {
          send: ["GET /r", "Connection: Upgrade", "Upgrade: websocket"],
          status: 301,
          fields: { location: "http://$host/new" },
        },
        { send: ["GET /d", "Connection: Upgrade", "Upgrade: websocket"], status: 418 },
      ],
    },
    {
      name: "upgrade: a fault may abort a websocket",
      source: "sheet 3.7",
      http: `- fault: { abort: { httpStatus: 503, percentage: { value: 100 } } }\n  ${TO_ONE}`,
      exchanges: [
        { send: ["GET /", "Connection: Upgrade", "Upgrade: websocket"], status: 503, reply: "fault filter abort" },
      ],
    },
    {
      name: "request fields: x-forwarded-client-cert of a client without a certificate is removed (fact 15)",
      source: "sheet 4.2, 14.15",
      http: `- ${TO_ONE}`,
      exchanges: [
        goes(["GET /", "X-Forwarded-Client-Cert: By=x;Hash=y"], "one", {
          upstream: { fields: { "x-forwarded-client-cert": null } },
        }),
      ],
    },
    {
      name: "request fields: x-envoy control fields of clients are stripped (fact 29)",
      source: "sheet 4.1, 14.29",
      http: `- ${TO_ONE}`,
      exchanges: [
        goes(
          [
            "GET /",
            "X-Envoy-Internal: true",
            "X-Envoy-Force-Trace: 1",
            "X-Envoy-External-Address: 1.2.3.4",
            "X-Envoy-Other: kept",
          ],
          "one",
          {
            upstream: {
              fields: {
                "x-envoy-internal": null,
                "x-envoy-force-trace": null,
                "x-envoy-external-address": "127.0.0.1",
                "x-envoy-other": "kept",
              },
            },
          },
        ),
      ],
    },
    {
      name: "request fields: x-forwarded-for gets the peer behind a comma, without a space (fact 30)",
      source: "sheet 4.1, 14.30",
      http: `- ${TO_ONE}`,
      exchanges: [
        goes("GET /", "one", { upstream: { fields: { "x-forwarded-for": "127.0.0.1" } } }),
        goes(["GET /", "X-Forwarded-For: 10.0.0.1, not-an-ip"], "one", {
          upstream: { fields: { "x-forwarded-for": "10.0.0.1, not-an-ip,127.0.0.1" } },
        }),
      ],
    },
    {
      name: "request fields: x-forwarded-proto is the connection's own",
      source: "sheet 4.1",
      http: `- ${TO_ONE}`,
      exchanges: [
        goes(["GET /", "X-Forwarded-Proto: https"], "one", { upstream: { fields: { "x-forwarded-proto": "http" } } }),
      ],
    },
    {
      name: "HTTP/1.0: 426 without a body, and the connection closes (fact 31)",
      source: "sheet 4.4, 14.31",
      http: `- ${TO_ONE}`,
      exchanges: [
        {
          send: "GET /",
          version: "HTTP/1.0",
          status: 426,
          reply: "",
          fields: { connection: "close" },
          log: { flags: "DPE", details: "low_version" },
        },
      ],
    },
    {
      name: "response fields: server is always the gateway's (fact 31)",
      source: "sheet 4.3, 14.31",
      http: `- ${TO_ONE}`,
      exchanges: [
        goes("GET /", "one", {
          answers: {
            one: [
              answerWith(200, "one", "Server: nginx", "X-Envoy-Peer-Metadata: x", "X-Envoy-Decorator-Operation: y"),
            ],
          },
          fields: { server: "portcullis", "x-envoy-peer-metadata": null, "x-envoy-decorator-operation": null },
        }),
      ],
    },
    {
      name: "response fields: a date of the service is kept, x-request-id is not returned",
      source: "sheet 4.1, 4.3",
      http: `- ${TO_ONE}`,
      exchanges: [
        goes("GET /", "one", {
          answers: { one: [answerWith(200, "one", "Date: yesterday")] },
          fields: { date: "yesterday", "x-request-id": null },
        }),
      ],
    },
  ],
}
