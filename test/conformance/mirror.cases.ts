/** `http.mirror` and `mirrors` (Istio semantics sheet 3.8). What a slow mirror does is `mirrors.test.ts`. */
import { answerWith, type CaseGroup, goes, HANG_UP, TO_EMPTY, TO_GONE, TO_ONE } from "./conformance-case.ts"

const mirror = (how: string) => `- ${how}\n  ${TO_ONE}`

export const mirrorCases: CaseGroup = {
  name: "mirror",
  cases: [
    {
      name: "http.mirror: a copy of every request, the answer is the original's",
      source: "sheet 3.8",
      http: mirror("mirror: { host: mirror.test }"),
      exchanges: [
        goes(["GET /a?b=c", "X-A: 1"], "one", {
          mirrored: { count: 1, startLine: "GET /a?b=c HTTP/1.1", fields: { "x-a": "1" }, body: "" },
        }),
      ],
    },
    {
      name: "http.mirror: the body, identical",
      source: "sheet 3.8",
      http: mirror("mirror: { host: mirror.test }"),
      exchanges: [
        goes("POST /", "one", {
          body: "a body\0\xff",
          upstream: { body: "a body\0\xff" },
          mirrored: { count: 1, body: "a body\0\xff", fields: { "content-length": "8" } },
        }),
      ],
    },
    {
      name: "http.mirror: a chunked body",
      source: "sheet 3.8",
      http: mirror("mirror: { host: mirror.test }"),
      exchanges: [
        goes(["POST /", "Transfer-Encoding: chunked"], "one", {
          body: "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
          upstream: { body: "abcde" },
          mirrored: { count: 1, body: "abcde", fields: { "transfer-encoding": "chunked" } },
        }),
      ],
    },
    {
      name: "http.mirror: Host unchanged, no -shadow (fact 28)",
      source: "sheet 3.8, 14.28",
      http: mirror("mirror: { host: mirror.test }"),
      exchanges: [goes(["GET /", "Host: $host:81"], "one", { mirrored: { count: 1, fields: { host: "$host:81" } } })],
    },
    {
      name: "http.mirror: x-envoy-internal, and the gateway's address behind x-forwarded-for",
      source: "sheet 3.8; Envoy async_client_impl.cc sendHeaders",
      http: mirror("mirror: { host: mirror.test }"),
      exchanges: [
        goes(["GET /", "X-Forwarded-For: 9.9.9.9"], "one", {
          upstream: { fields: { "x-forwarded-for": "9.9.9.9,127.0.0.1", "x-envoy-internal": null } },
          mirrored: {
            count: 1,
            fields: { "x-forwarded-for": "9.9.9.9,127.0.0.1,127.0.0.1", "x-envoy-internal": "true" },
          },
        }),
      ],
    },
    {
      name: "http.mirror: what header operations and rewrites made of the request",
      source: "sheet 3.8",
      http: `- match: [{ uri: { prefix: /a } }]
  mirror: { host: mirror.test }
  rewrite: { uri: /b, authority: new.example }
  headers: { request: { set: { x-a: rule }, remove: [x-b] } }
  ${TO_ONE}`,
      exchanges: [
        goes(["GET /a/x", "X-B: 1"], "one", {
          mirrored: {
            count: 1,
            startLine: "GET /b/x HTTP/1.1",
            fields: { host: "new.example", "x-a": "rule", "x-b": null, "x-envoy-original-path": "/a/x" },
          },
        }),
      ],
    },
    {
      name: "http.mirrorPercentage: 0 is off, 100 is all",
      source: "sheet 3.8",
      http: `- match: [{ uri: { exact: /off } }]
  mirror: { host: mirror.test }
  mirrorPercentage: { value: 0 }
  ${TO_ONE}
${mirror("mirror: { host: mirror.test }\n  mirrorPercentage: { value: 100 }")}`,
      exchanges: [
        ...Array.from({ length: 10 }, () => goes("GET /off", "one")),
        ...Array.from({ length: 10 }, () => goes("GET /", "one", { mirrored: { count: 1 } })),
      ],
    },
    {
      name: "http.mirrorPercent: the older whole percentage; mirrorPercentage beats it",
      source: "sheet 3.8",
      http: `- match: [{ uri: { exact: /off } }]
  mirror: { host: mirror.test }
  mirrorPercent: 0
  ${TO_ONE}
${mirror("mirror: { host: mirror.test }\n  mirrorPercent: 0\n  mirrorPercentage: { value: 100 }")}`,
      exchanges: [goes("GET /off", "one"), goes("GET /", "one", { mirrored: { count: 1 } })],
    },
    {
      name: "http.mirrors: each of them a copy",
      source: "sheet 3.8",
      http: mirror(
        "mirrors: [{ destination: { host: mirror.test } }, { destination: { host: mirror.test }, percentage: { value: 100 } }, { destination: { host: mirror.test }, percentage: { value: 0 } }]",
      ),
      exchanges: [goes("POST /", "one", { body: "twice", mirrored: { count: 2, body: "twice" } })],
    },
    {
      name: "http.mirror: the mirror's answers, bad ones too, are dropped",
      source: "sheet 3.8: failures invisible",
      http: mirror("mirror: { host: mirror.test }"),
      exchanges: [
        goes("GET /", "one", { answers: { mirror: [answerWith(500, "broken")] }, mirrored: { count: 1 } }),
        goes("GET /", "one", { answers: { mirror: [HANG_UP] }, mirrored: { count: 1 } }),
      ],
    },
    {
      name: "http.mirror: is not retried",
      source: "sheet 3.8: no retries",
      http: mirror("mirror: { host: mirror.test }\n  retries: { attempts: 3, retryOn: '5xx,reset', backoff: 1ms }"),
      exchanges: [
        goes("GET /", "one", { answers: { mirror: [answerWith(503)] }, mirrored: { count: 1 } }),
        goes("GET /", "one", {
          answers: { one: [answerWith(503), answerWith(503)] },
          tries: 3,
          mirrored: { count: 1, fields: { "x-envoy-attempt-count": "1" } },
        }),
      ],
    },
    {
      name: "http.mirror: that refuses connections harms nothing",
      source: "sheet 3.8",
      http: mirror("mirror: { host: gone.test }"),
      exchanges: [goes("GET /", "one"), goes("POST /", "one", { body: "x", upstream: { body: "x" } })],
    },
    {
      name: "http.mirror: without endpoints harms nothing",
      source: "sheet 3.8",
      http: mirror("mirror: { host: empty.test }"),
      exchanges: [goes("POST /", "one", { body: "x", upstream: { body: "x" } })],
    },
    {
      name: "http.mirror: nothing is copied where the original has no endpoint",
      source: "Envoy router.cc decodeHeaders: no pool, no shadow",
      http: `- mirror: { host: mirror.test }\n  ${TO_EMPTY}`,
      exchanges: [{ send: "GET /", status: 503, reply: "no healthy upstream" }],
    },
    {
      name: "http.mirror: a copy is sent even if the original is refused",
      source: "sheet 3.8: in parallel",
      http: `- mirror: { host: mirror.test }\n  retries: { attempts: 0 }\n  ${TO_GONE}`,
      exchanges: [
        {
          send: "GET /",
          status: 503,
          reply:
            "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure, transport failure reason: delayed connect error: Connection refused",
          mirrored: { count: 1 },
        },
      ],
    },
  ],
}
