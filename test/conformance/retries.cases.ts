/** `http.retries` (Istio semantics sheet 3.6). Bodies, back-off and budgets are `retries.test.ts`. */
import {
  type Answer,
  answerWith,
  type CaseGroup,
  type Exchange,
  goes,
  HANG_UP,
  raw,
  SILENCE,
  TO_EMPTY,
  TO_GONE,
  TO_ONE,
} from "./conformance-case.ts"

/** Retries at once, as far as a test can tell. */
const retries = (how: string, to = TO_ONE) => `- retries: { ${how}, backoff: 1ms }\n  ${to}`
/** The first tries end like this, the one after them well. */
const after = (answers: readonly Answer[], more: Partial<Exchange> = {}): Exchange =>
  goes("GET /", "one", {
    answers: { one: answers },
    tries: answers.length + 1,
    upstream: { fields: { "x-envoy-attempt-count": String(answers.length + 1) } },
    ...more,
  })
/** Hung up on: as POST, because a GET on a connection that had been idle is silently sent again. */
const POST: Partial<Exchange> = { send: "POST /", body: "" }
/** One try, whose answer is final. */
const once = (answer: Answer, status: number, more: Partial<Exchange> = {}): Exchange => ({
  send: "GET /",
  to: "one",
  answers: { one: [answer] },
  status,
  reply: "",
  ...more,
})
const RESET = "upstream connect error or disconnect/reset before headers. reset reason: connection termination"
const RETRIED_RESET =
  "upstream connect error or disconnect/reset before headers. retried and the latest reset reason: connection termination"
const REFUSED = "remote connection failure, transport failure reason: delayed connect error: Connection refused"
const grpc = (status: string): Answer => answerWith(200, "", "Content-Type: application/grpc", `grpc-status: ${status}`)

export const retriesCases: CaseGroup = {
  name: "retries",
  cases: [
    {
      name: "http.retries: by default a refused connection is tried again elsewhere (fact 20)",
      source: "sheet 3.6, 14.20",
      http: "- route: [{ destination: { host: pair.test } }]",
      exchanges: Array.from({ length: 6 }, () => goes("GET /", "one")),
    },
    {
      name: "http.retries: by default 3 requests at most; then UF,URX and `retried and the latest` (facts 20, 22)",
      source: "sheet 3.6, 5.2, 14.20, 14.22",
      http: `- ${TO_GONE}`,
      exchanges: [
        {
          send: "GET /",
          status: 503,
          reply: `upstream connect error or disconnect/reset before headers. retried and the latest reset reason: ${REFUSED}`,
          log: { flags: "UF,URX" },
        },
      ],
    },
    {
      name: "http.retries: by default a connection closed after the request was sent is not tried again (fact 20)",
      source: "sheet 3.6, 14.20",
      http: `- ${TO_ONE}`,
      exchanges: [
        once(HANG_UP, 503, {
          ...POST,
          reply: RESET,
          log: { flags: "UC", details: "upstream_reset_before_response_started{connection_termination}" },
        }),
      ],
    },
    {
      name: "http.retries: by default 5xx of the service are not tried again, 503 neither (fact 20)",
      source: "sheet 3.6, 14.20",
      http: `- ${TO_ONE}`,
      exchanges: [500, 502, 503, 504].map((status) => once(answerWith(status), status, { log: { flags: "" } })),
    },
    {
      name: "http.retries: by default a gRPC UNAVAILABLE or CANCELLED in the head is (fact 20)",
      source: "sheet 3.6, 14.20",
      http: `- ${TO_ONE}`,
      exchanges: [after([grpc("14")]), after([grpc("1")])],
    },
    {
      name: "http.retries: by default other gRPC statuses are not",
      source: "sheet 3.6",
      http: `- ${TO_ONE}`,
      exchanges: ["0", "2", "4", "8", "13", "16"].map((status) =>
        once(grpc(status), 200, { fields: { "grpc-status": status } }),
      ),
    },
    {
      name: "http.retries.attempts: 0 switches them off",
      source: "sheet 3.6",
      http: `- retries: { attempts: 0 }\n  ${TO_GONE}`,
      exchanges: [
        {
          send: "GET /",
          status: 503,
          reply: `upstream connect error or disconnect/reset before headers. reset reason: ${REFUSED}`,
          log: {
            flags: "UF",
            details:
              "upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused}",
          },
        },
      ],
    },
    {
      name: "http.retries.attempts: so many retries, then the last answer as it came, URX",
      source: "sheet 3.6",
      http: retries("attempts: 2, retryOn: 5xx"),
      exchanges: [
        after([answerWith(500), answerWith(503)]),
        goes("GET /", "one", {
          answers: { one: [answerWith(500, "a"), answerWith(502, "b"), answerWith(504, "last", "X-A: 1")] },
          tries: 3,
          status: 504,
          reply: "last",
          fields: { "x-a": "1" },
          log: { flags: "URX", details: "via_upstream" },
        }),
      ],
    },
    {
      name: "http.retries.attempts: alone it keeps the default conditions",
      source: "sheet 3.6",
      http: retries("attempts: 3"),
      exchanges: [once(answerWith(503), 503), after([grpc("14"), grpc("14"), grpc("1")])],
    },
    {
      name: "http.retries.retryOn: 5xx",
      source: "sheet 3.6",
      http: retries("attempts: 1, retryOn: 5xx"),
      exchanges: [
        after([answerWith(500)]),
        after([answerWith(599)]),
        after([HANG_UP], POST),
        once(answerWith(404), 404, { log: { flags: "" } }),
        once(answerWith(200), 200),
      ],
    },
    {
      name: "http.retries.retryOn: gateway-error is 502, 503, 504 and resets",
      source: "sheet 3.6",
      http: retries("attempts: 1, retryOn: gateway-error"),
      exchanges: [
        after([answerWith(502)]),
        after([answerWith(503)]),
        after([answerWith(504)]),
        after([HANG_UP], POST),
        once(answerWith(500), 500, { log: { flags: "" } }),
        once(answerWith(501), 501),
      ],
    },
    {
      name: "http.retries.retryOn: reset is a connection lost before the response head",
      source: "sheet 3.6",
      http: retries("attempts: 1, retryOn: reset"),
      exchanges: [
        after([HANG_UP], POST),
        after([{ bytes: "HTTP/1.1 200", thenCloses: true }]),
        once(answerWith(503), 503),
      ],
    },
    {
      name: "http.retries.retryOn: reset covers a malformed response too",
      source: "sheet 3.6; Envoy retry_state_impl.cc wouldRetryFromReset",
      http: retries("attempts: 1, retryOn: reset"),
      exchanges: [after([raw("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n")])],
    },
    {
      name: "http.retries.retryOn: reset-before-request is not a connection closed after the request",
      source: "sheet 3.6",
      http: retries("attempts: 1, retryOn: reset-before-request"),
      exchanges: [once(HANG_UP, 503, { ...POST, reply: RESET, log: { flags: "UC" } })],
    },
    {
      name: "http.retries.retryOn: reset-before-request is a connection that was refused",
      source: "Envoy retry_state_impl.cc wouldRetryFromReset: nothing had been sent",
      http: "- retries: { attempts: 2, retryOn: reset-before-request, backoff: 1ms }\n  route: [{ destination: { host: pair.test } }]",
      exchanges: Array.from({ length: 4 }, () => goes("GET /", "one")),
    },
    {
      name: "http.retries: a GET on a connection that the service closed while it idled is sent again, whatever the policy",
      source: "RFC 9110 section 9.2.2; a difference on purpose, see docs/virtual-service.md",
      http: `- retries: { attempts: 0 }\n  ${TO_ONE}`,
      exchanges: [
        goes("GET /", "one"),
        goes("GET /", "one", {
          answers: { one: [HANG_UP] },
          tries: 2,
          upstream: { fields: { "x-envoy-attempt-count": "1" } },
          log: { flags: "" },
        }),
      ],
    },
    {
      name: "http.retries.retryOn: connect-failure is not a reset after connecting",
      source: "sheet 3.6",
      http: retries("attempts: 1, retryOn: connect-failure"),
      exchanges: [once(HANG_UP, 503, { ...POST, reply: RESET, log: { flags: "UC" } })],
    },
    {
      name: "http.retries.retryOn: retriable-4xx is 409 only",
      source: "sheet 3.6",
      http: retries("attempts: 1, retryOn: retriable-4xx"),
      exchanges: [
        after([answerWith(409)]),
        once(answerWith(408), 408),
        once(answerWith(429), 429),
        once(answerWith(500), 500),
      ],
    },
    {
      name: "http.retries.retryOn: status codes in the list",
      source: "sheet 3.6",
      http: retries('attempts: 2, retryOn: "404,503"'),
      exchanges: [after([answerWith(404), answerWith(503)]), once(answerWith(502), 502), once(answerWith(500), 500)],
    },
    {
      name: "http.retries.retryOn: a status below 400 in the list",
      source: "Envoy retry_state_impl.cc wouldRetryFromHeaders",
      http: retries('attempts: 1, retryOn: "302"'),
      exchanges: [after([answerWith(302)]), once(answerWith(301), 301)],
    },
    {
      name: "http.retries.retryOn: status codes look at a service's answers only (fact 21)",
      source: "sheet 3.6, 14.21",
      http: retries('attempts: 2, retryOn: "503"'),
      exchanges: [once(HANG_UP, 503, { ...POST, reply: RESET, log: { flags: "UC" } })],
    },
    {
      name: "http.retries.retryOn: no endpoint is never tried again (fact 21)",
      source: "sheet 3.6, 14.21",
      http: retries('attempts: 3, retryOn: "5xx,gateway-error,connect-failure,reset,503"', TO_EMPTY),
      exchanges: [{ send: "GET /", status: 503, reply: "no healthy upstream", log: { flags: "UH" } }],
    },
    {
      name: "http.retries.retryOn: gRPC words look at grpc-status in the head",
      source: "sheet 3.6",
      http: retries("attempts: 1, retryOn: 'deadline-exceeded,internal,resource-exhausted'"),
      exchanges: [
        after([grpc("4")]),
        after([grpc("13")]),
        after([grpc("8")]),
        once(grpc("14"), 200, { fields: { "grpc-status": "14" } }),
        once(grpc("1"), 200),
      ],
    },
    {
      name: "http.retries.retryOn: not at grpc-status in trailers",
      source: "sheet 3.6",
      http: retries("attempts: 1, retryOn: unavailable"),
      exchanges: [
        once(
          raw(
            "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n0\r\ngrpc-status: 14\r\n\r\n",
          ),
          200,
        ),
      ],
    },
    {
      name: "http.retries.retryOn: x-envoy-ratelimited is never tried again",
      source: "sheet 3.6",
      http: retries('attempts: 1, retryOn: "5xx,429"'),
      exchanges: [
        once(answerWith(503, "", "X-Envoy-Ratelimited: true"), 503, { log: { flags: "" } }),
        once(answerWith(429, "", "X-Envoy-Ratelimited: true"), 429),
        after([answerWith(429)]),
      ],
    },
    {
      name: "http.retries.retryOn: envoy-ratelimited is, whatever the status",
      source: "sheet 3.6; Envoy retry_state_impl.cc wouldRetryFromHeaders",
      http: retries("attempts: 1, retryOn: envoy-ratelimited"),
      exchanges: [
        after([answerWith(429, "", "X-Envoy-Ratelimited: true")]),
        after([answerWith(200, "", "X-Envoy-Ratelimited: true")]),
        once(answerWith(429), 429),
      ],
    },
    {
      name: "http.retries.retryOn: a gRPC status with x-envoy-ratelimited is not tried again",
      source: "Envoy retry_state_impl.cc wouldRetryFromHeaders: rate limiting is looked at first",
      http: retries("attempts: 1, retryOn: unavailable"),
      exchanges: [
        once(answerWith(200, "", "grpc-status: 14", "X-Envoy-Ratelimited: true"), 200, {
          fields: { "grpc-status": "14" },
        }),
      ],
    },
    {
      name: "http.retries.retryOn: a gRPC status counts beside any HTTP status",
      source: "Envoy retry_state_impl.cc wouldRetryFromHeaders",
      http: retries("attempts: 1, retryOn: unavailable"),
      exchanges: [after([answerWith(503, "", "grpc-status: 14")])],
    },
    {
      name: "http.retries.retryOn: several words",
      source: "sheet 3.6",
      http: retries('attempts: 4, retryOn: "reset, retriable-4xx ,418"'),
      exchanges: [after([HANG_UP, answerWith(409), answerWith(418)], POST)],
    },
    {
      name: "http.retries: the URX flag only where the policy wanted another try",
      source: "Envoy router.cc maybeRetryReset",
      http: retries('attempts: 1, retryOn: "503"'),
      exchanges: [
        goes("GET /", "one", {
          answers: { one: [answerWith(503), answerWith(500, "x")] },
          tries: 2,
          status: 500,
          reply: "x",
          log: { flags: "" },
        }),
        goes("POST /", "one", {
          body: "",
          answers: { one: [answerWith(503), HANG_UP] },
          tries: 2,
          status: 503,
          reply: RETRIED_RESET,
          log: { flags: "UC" },
        }),
        goes("GET /", "one", {
          answers: { one: [answerWith(503), answerWith(503)] },
          tries: 2,
          status: 503,
          reply: "",
          log: { flags: "URX" },
        }),
      ],
    },
    {
      name: "http.retries.perTryTimeout: by default it is not tried again: 504 (fact 20)",
      source: "sheet 3.6, 14.20",
      http: "- retries: { attempts: 2, perTryTimeout: 50ms, backoff: 1ms }\n  route: [{ destination: { host: one.test } }]",
      exchanges: [
        once(SILENCE, 504, {
          reply: "upstream request timeout",
          log: { flags: "UT", details: "upstream_per_try_timeout" },
          upstream: { fields: { "x-envoy-expected-rq-timeout-ms": "50" } },
        }),
      ],
    },
    {
      name: "http.retries.perTryTimeout: with reset, 5xx or gateway-error it is",
      source: "sheet 3.6",
      http: `- match: [{ uri: { exact: /reset } }]
  retries: { attempts: 1, perTryTimeout: 250ms, retryOn: reset, backoff: 1ms }
  ${TO_ONE}
- match: [{ uri: { exact: /5xx } }]
  retries: { attempts: 1, perTryTimeout: 250ms, retryOn: 5xx, backoff: 1ms }
  ${TO_ONE}
- retries: { attempts: 1, perTryTimeout: 250ms, retryOn: gateway-error, backoff: 1ms }
  ${TO_ONE}`,
      exchanges: [
        after([SILENCE], { send: "GET /reset" }),
        after([SILENCE], { send: "GET /5xx" }),
        after([SILENCE], { send: "GET /gateway-error" }),
      ],
    },
    {
      name: "http.retries.perTryTimeout: of the last try is 504, UT,URX",
      source: "sheet 3.6",
      http: "- retries: { attempts: 1, perTryTimeout: 50ms, retryOn: reset, backoff: 1ms }\n  route: [{ destination: { host: one.test } }]",
      exchanges: [
        goes("GET /", "one", {
          answers: { one: [SILENCE, SILENCE] },
          tries: 2,
          status: 504,
          reply: "upstream request timeout",
          log: { flags: "UT,URX", details: "upstream_per_try_timeout" },
        }),
      ],
    },
    {
      name: "http.retries.perTryTimeout: not less than the timeout it is ignored",
      source: "sheet 3.6",
      http: "- timeout: 50ms\n  retries: { attempts: 3, perTryTimeout: 50ms, retryOn: reset, backoff: 1ms }\n  route: [{ destination: { host: one.test } }]",
      exchanges: [
        once(SILENCE, 504, {
          reply: "upstream request timeout",
          log: { flags: "UT", details: "upstream_response_timeout" },
          upstream: { fields: { "x-envoy-expected-rq-timeout-ms": "50" } },
        }),
      ],
    },
    {
      name: "http.retries.perTryTimeout: not less than a gRPC client's deadline it is ignored",
      source: "Envoy router.cc finalTimeout",
      http: "- retries: { attempts: 3, perTryTimeout: 1s, retryOn: reset, backoff: 1ms }\n  route: [{ destination: { host: one.test } }]",
      exchanges: [
        once(SILENCE, 200, {
          send: ["POST /", "Content-Type: application/grpc", "grpc-timeout: 50m"],
          body: "",
          fields: { "grpc-status": "14" },
          log: { flags: "UT", details: "upstream_response_timeout" },
        }),
      ],
    },
    {
      name: "http.retries.perTryTimeout: the service is told the try's time, a gRPC service in grpc-timeout too",
      source: "Envoy router.cc setTimeoutHeaders",
      http: "- timeout: 10s\n  retries: { attempts: 3, perTryTimeout: 3s }\n  route: [{ destination: { host: one.test } }]",
      exchanges: [
        goes("GET /", "one", { upstream: { fields: { "x-envoy-expected-rq-timeout-ms": "3000" } } }),
        goes(["POST /", "Content-Type: application/grpc", "grpc-timeout: 1H"], "one", {
          body: "",
          upstream: { fields: { "x-envoy-expected-rq-timeout-ms": "3000", "grpc-timeout": "3000m" } },
        }),
      ],
    },
    {
      name: "http.retries.retryIgnorePreviousHosts: false may pick the endpoint that failed again",
      source: "sheet 3.6",
      http: "- retries: { attempts: 1, retryOn: connect-failure, retryIgnorePreviousHosts: false, backoff: 1ms }\n  route: [{ destination: { host: gone.test } }]",
      exchanges: [
        {
          send: "GET /",
          status: 503,
          reply: `upstream connect error or disconnect/reset before headers. retried and the latest reset reason: ${REFUSED}`,
        },
      ],
    },
    {
      name: "http.retries.retryRemoteLocalities: changes nothing where all endpoints are equally near",
      source: "sheet 3.6, 6.4",
      http: retries("attempts: 1, retryOn: 5xx, retryRemoteLocalities: true"),
      exchanges: [after([answerWith(500)])],
    },
    {
      name: "http.retries: a client cannot ask for them",
      source: "sheet 4.1",
      http: `- retries: { attempts: 0 }\n  ${TO_ONE}`,
      exchanges: [
        once(answerWith(500), 500, {
          send: ["GET /", "X-Envoy-Retry-On: 5xx", "X-Envoy-Max-Retries: 5", "X-Envoy-Retry-Grpc-On: unavailable"],
          upstream: {
            fields: { "x-envoy-retry-on": null, "x-envoy-max-retries": null, "x-envoy-retry-grpc-on": null },
          },
        }),
      ],
    },
    {
      name: "x-envoy-attempt-count: counts from 1, a client's own is overwritten",
      source: "sheet 3.6, 4.1",
      http: retries("attempts: 2, retryOn: 5xx"),
      exchanges: [
        goes(["GET /", "X-Envoy-Attempt-Count: 9"], "one", { upstream: { fields: { "x-envoy-attempt-count": "1" } } }),
        after([answerWith(500), answerWith(500)], { send: ["GET /", "X-Envoy-Attempt-Count: 9"] }),
      ],
    },
    {
      name: "http.retries: header operations are made once, and the second try has them too",
      source: "sheet 3.10; Envoy router.cc doRetry",
      http: `- retries: { attempts: 1, retryOn: 5xx, backoff: 1ms }
  headers: { request: { add: { x-a: b } } }
  rewrite: { uri: /r/ }
  ${TO_ONE}`,
      exchanges: [
        after([answerWith(500)], {
          send: ["GET /p", "X-A: a"],
          upstream: { startLine: "GET /r/p HTTP/1.1", fields: { "x-a": "a, b", "x-envoy-original-path": "/p" } },
        }),
      ],
    },
    {
      name: "http.retries: stay in the destination that was drawn",
      source: "sheet 3.1 (6)",
      http: `- retries: { attempts: 4, retryOn: 5xx, backoff: 1ms }
  route: [{ destination: { host: one.test }, weight: 1 }, { destination: { host: two.test }, weight: 0 }]`,
      exchanges: [after([answerWith(500), answerWith(500), answerWith(500), answerWith(500)])],
    },
  ],
}
