/** `http.directResponse` (Istio semantics sheet 3.4). */
import type { CaseGroup, Exchange } from "./conformance-case.ts"

const direct = (response: string, more = "") => `- directResponse: { ${response} }${more}`
const GRPC = ["POST /", "Content-Type: application/grpc", "TE: trailers"]
const log: Exchange["log"] = { flags: "", details: "direct_response" }

export const directResponse: CaseGroup = {
  name: "direct-response",
  cases: [
    {
      name: "http.directResponse.body.string: text/plain, with its length",
      source: "sheet 3.4",
      http: direct("status: 503, body: { string: 'closed for repairs' }"),
      exchanges: [
        {
          send: "GET /any",
          status: 503,
          reply: "closed for repairs",
          fields: { "content-type": "text/plain", "content-length": "18", server: "portcullis" },
          log,
        },
      ],
    },
    {
      name: "http.directResponse.body.string: bytes are UTF-8, the length counts them",
      source: "sheet 3.4",
      http: direct("status: 200, body: { string: 'é' }"),
      exchanges: [{ send: "GET /", reply: "\xc3\xa9", fields: { "content-length": "2" } }],
    },
    {
      name: "http.directResponse.body.bytes: base64",
      source: "sheet 3.4",
      http: direct("status: 200, body: { bytes: aGkA/w== }"),
      exchanges: [{ send: "GET /", reply: "hi\0\xff", fields: { "content-length": "4" } }],
    },
    {
      name: "http.directResponse: without a body there is no content-type",
      source: "sheet 3.4, 5.1",
      http: direct("status: 200"),
      exchanges: [{ send: "GET /", reply: "", fields: { "content-type": null, "content-length": "0" } }],
    },
    {
      name: "http.directResponse: an empty body has no content-type even if a rule sets one",
      source: "Envoy utility.cc prepareLocalReply",
      http: direct(
        "status: 200, body: { string: '' }",
        "\n  headers: { response: { set: { content-type: text/html } } }",
      ),
      exchanges: [{ send: "GET /", reply: "", fields: { "content-type": null } }],
    },
    ...[200, 201, 204, 404, 418, 429, 500, 599].map((status) => ({
      name: `http.directResponse.status: ${status}`,
      source: "sheet 3.4",
      http: direct(`status: ${status}`),
      exchanges: [{ send: "GET /", status, reply: "", log }],
    })),
    {
      name: "http.directResponse.status: 204 has neither body nor length",
      source: "RFC 9110 section 15.3.5, 8.6",
      http: direct("status: 204, body: { string: ignored }"),
      exchanges: [{ send: "GET /", status: 204, reply: "", fields: { "content-length": null } }],
    },
    {
      name: "http.directResponse: the rule's response operations may set another content-type",
      source: "sheet 3.4",
      http: direct(
        `status: 200, body: { string: '{"a":1}' }`,
        "\n  headers: { response: { set: { content-type: application/json, x-a: b } } }",
      ),
      exchanges: [{ send: "GET /", reply: '{"a":1}', fields: { "content-type": "application/json", "x-a": "b" } }],
    },
    {
      name: "http.directResponse: HEAD has the fields of GET and no body",
      source: "sheet 5.1",
      http: direct("status: 200, body: { string: hello }"),
      exchanges: [{ send: "HEAD /", reply: "", fields: { "content-length": "5", "content-type": "text/plain" } }],
    },
    {
      name: "http.directResponse: corsPolicy has no effect on it (fact 26)",
      source: "sheet 3, 14.26",
      http: direct("status: 200, body: { string: x }", '\n  corsPolicy: { allowOrigins: [{ exact: "*" }] }'),
      exchanges: [
        {
          send: ["OPTIONS /", "Origin: https://a.com", "Access-Control-Request-Method: GET"],
          reply: "x",
          fields: { "access-control-allow-origin": null },
        },
      ],
    },
    {
      name: "http.directResponse: a request with a body is answered too",
      source: "sheet 3.4",
      http: direct("status: 413, body: { string: no }"),
      exchanges: [{ send: "POST /", body: "x".repeat(1000), status: 413, reply: "no" }],
    },
    {
      name: "http.directResponse: a gRPC request gets the mapped status in a trailers-only response (fact 32)",
      source: "sheet 3.4, 5.3, 14.32",
      http: direct("status: 503, body: { string: 'out 100%' }"),
      exchanges: [
        {
          send: GRPC,
          body: "",
          status: 200,
          reply: "",
          fields: { "content-type": "application/grpc", "grpc-status": "14", "grpc-message": "out 100%25" },
          log,
        },
      ],
    },
    {
      name: "http.directResponse: 404 for gRPC is UNIMPLEMENTED, 200 is UNKNOWN (fact 32)",
      source: "sheet 5.3, 14.32",
      http: `- match: [{ uri: { exact: /a } }]
  directResponse: { status: 404 }
- directResponse: { status: 200 }`,
      exchanges: [
        {
          send: ["POST /a", "Content-Type: application/grpc"],
          body: "",
          fields: { "grpc-status": "12", "grpc-message": null },
        },
        { send: ["POST /b", "Content-Type: application/grpc+proto"], body: "", fields: { "grpc-status": "2" } },
      ],
    },
    {
      name: "http.directResponse: grpc-web is no gRPC",
      source: "sheet 5.3",
      http: direct("status: 503"),
      exchanges: [
        {
          send: ["POST /", "Content-Type: application/grpc-web"],
          body: "",
          status: 503,
          fields: { "grpc-status": null },
        },
      ],
    },
    {
      name: "http.directResponse: a large body",
      source: "sheet 3.4: up to 1 MB",
      http: direct(`status: 200, body: { string: '${"x".repeat(90_000)}' }`),
      exchanges: [{ send: "GET /", reply: "x".repeat(90_000) }],
    },
  ],
}
