/** `http.corsPolicy` (Istio semantics sheet 3.9). */
import { answerWith, type CaseGroup, type Exchange, goes, HANG_UP, TO_EMPTY, TO_ONE } from "./conformance-case.ts"

const cors = (policy: string, more = "") => `- corsPolicy: { ${policy} }\n  ${more}${TO_ONE}`
const A = "https://a.com"
const preflightOf = (origin: string, ...lines: readonly string[]) => [
  "OPTIONS /",
  `Origin: ${origin}`,
  "Access-Control-Request-Method: PUT",
  ...lines,
]
/** Every field an answer to a preflight may have. */
const granted = (fields: Record<string, string | null>): Record<string, string | null> => ({
  "access-control-allow-origin": null,
  "access-control-allow-credentials": null,
  "access-control-allow-methods": null,
  "access-control-allow-headers": null,
  "access-control-max-age": null,
  "access-control-expose-headers": null,
  vary: null,
  ...fields,
})
const answered = (send: readonly string[], fields: Record<string, string | null>): Exchange => ({
  send,
  status: 200,
  reply: "",
  fields: { ...granted(fields), "content-length": "0", "content-type": null },
  log: { flags: "", details: "cors_response" },
})
const forwarded = (send: readonly string[], fields: Record<string, string | null> = {}): Exchange =>
  goes(send, "one", { fields: granted(fields) })

export const corsCases: CaseGroup = {
  name: "cors",
  cases: [
    {
      name: "http.corsPolicy: a preflight of an allowed origin is answered 200, empty, without the service (fact 27)",
      source: "sheet 3.9, 14.27",
      http: cors(
        `allowOrigins: [{ exact: "${A}" }], allowMethods: [GET, PUT], allowHeaders: [x-a, content-type], exposeHeaders: [x-e], maxAge: 24h, allowCredentials: true`,
      ),
      exchanges: [
        answered(preflightOf(A, "Access-Control-Request-Headers: x-anything"), {
          "access-control-allow-origin": A,
          "access-control-allow-credentials": "true",
          "access-control-allow-methods": "GET,PUT",
          "access-control-allow-headers": "x-a,content-type",
          "access-control-max-age": "86400",
        }),
      ],
    },
    {
      name: "http.corsPolicy: empty lists make no fields",
      source: "sheet 3.9",
      http: cors(`allowOrigins: [{ exact: "${A}" }]`),
      exchanges: [answered(preflightOf(A), { "access-control-allow-origin": A })],
    },
    {
      name: "http.corsPolicy: neither method nor headers of a preflight are checked (fact 27)",
      source: "sheet 3.9, 14.27",
      http: cors(`allowOrigins: [{ exact: "${A}" }], allowMethods: [GET], allowHeaders: [x-a]`),
      exchanges: [
        answered(
          ["OPTIONS /", `Origin: ${A}`, "Access-Control-Request-Method: DELETE", "Access-Control-Request-Headers: x-b"],
          {
            "access-control-allow-origin": A,
            "access-control-allow-methods": "GET",
            "access-control-allow-headers": "x-a",
          },
        ),
      ],
    },
    {
      name: 'http.corsPolicy.allowOrigins: exact "*" allows all, and echoes the origin (fact 27)',
      source: "sheet 3.9, 14.27",
      http: cors('allowOrigins: [{ exact: "*" }], allowCredentials: true'),
      exchanges: [
        answered(preflightOf("https://whoever.example:8443"), {
          "access-control-allow-origin": "https://whoever.example:8443",
          "access-control-allow-credentials": "true",
        }),
        forwarded(["GET /", "Origin: null"], {
          "access-control-allow-origin": "null",
          "access-control-allow-credentials": "true",
        }),
      ],
    },
    {
      name: "http.corsPolicy.allowOrigins.exact: the whole origin, port included, case-sensitive",
      source: "sheet 3.9",
      http: cors(`allowOrigins: [{ exact: "${A}" }]`),
      exchanges: [
        forwarded(["GET /", `Origin: ${A}`], { "access-control-allow-origin": A }),
        forwarded(["GET /", `Origin: ${A}:443`]),
        forwarded(["GET /", "Origin: https://A.com"]),
        forwarded(["GET /", "Origin: http://a.com"]),
      ],
    },
    {
      name: "http.corsPolicy.allowOrigins.prefix",
      source: "sheet 3.9",
      http: cors(`allowOrigins: [{ prefix: "${A}" }]`),
      exchanges: [
        forwarded(["GET /", `Origin: ${A}:8443`], { "access-control-allow-origin": `${A}:8443` }),
        forwarded(["GET /", "Origin: https://b.com"]),
      ],
    },
    {
      name: "http.corsPolicy.allowOrigins.regex: the whole origin",
      source: "sheet 3.9, 2.4",
      http: cors("allowOrigins: [{ exact: 'https://b.com' }, { regex: 'https://[a-z]+\\.a\\.com' }]"),
      exchanges: [
        forwarded(["GET /", "Origin: https://x.a.com"], { "access-control-allow-origin": "https://x.a.com" }),
        forwarded(["GET /", "Origin: https://b.com"], { "access-control-allow-origin": "https://b.com" }),
        forwarded(["GET /", "Origin: https://x.a.com.evil.example"]),
      ],
    },
    {
      name: "http.corsPolicy.allowOrigin: the deprecated list, exact",
      source: "sheet 3.9",
      http: cors(`allowOrigin: ["${A}"]`),
      exchanges: [
        forwarded(["GET /", `Origin: ${A}`], { "access-control-allow-origin": A }),
        forwarded(["GET /", "Origin: https://b.com"]),
      ],
    },
    {
      name: 'http.corsPolicy.allowOrigin: "*" too',
      source: "sheet 3.9",
      http: cors('allowOrigin: ["*"]'),
      exchanges: [answered(preflightOf("https://b.com"), { "access-control-allow-origin": "https://b.com" })],
    },
    {
      name: "http.corsPolicy.allowMethods: * echoes the requested method",
      source: "sheet 3.9",
      http: cors('allowOrigins: [{ exact: "*" }], allowMethods: ["*"]'),
      exchanges: [
        answered(preflightOf(A), { "access-control-allow-origin": A, "access-control-allow-methods": "PUT" }),
      ],
    },
    {
      name: "http.corsPolicy.allowHeaders: * echoes the requested headers",
      source: "sheet 3.9",
      http: cors('allowOrigins: [{ exact: "*" }], allowHeaders: ["*"]'),
      exchanges: [
        answered(preflightOf(A, "Access-Control-Request-Headers: x-a, x-b"), {
          "access-control-allow-origin": A,
          "access-control-allow-headers": "x-a, x-b",
        }),
      ],
    },
    {
      name: "http.corsPolicy.maxAge: whole seconds, 0 too",
      source: "sheet 3.9",
      http: cors('allowOrigins: [{ exact: "*" }], maxAge: 0s'),
      exchanges: [answered(preflightOf(A), { "access-control-allow-origin": A, "access-control-max-age": "0" })],
    },
    {
      name: "http.corsPolicy.unmatchedPreflights: by default another origin's preflight goes to the service (fact 27)",
      source: "sheet 3.9, 14.27",
      http: cors(`allowOrigins: [{ exact: "${A}" }], allowMethods: [GET]`),
      exchanges: [forwarded(preflightOf("https://b.com"))],
    },
    {
      name: "http.corsPolicy.unmatchedPreflights: UNSPECIFIED and FORWARD are the default",
      source: "sheet 3.9",
      http: `- match: [{ headers: { x-v: {} } }]
  corsPolicy: { allowOrigins: [{ exact: "${A}" }], unmatchedPreflights: FORWARD }
  ${TO_ONE}
${cors(`allowOrigins: [{ exact: "${A}" }], unmatchedPreflights: UNSPECIFIED`)}`,
      exchanges: [forwarded(preflightOf("https://b.com", "X-V: 1")), forwarded(preflightOf("https://b.com"))],
    },
    {
      name: "http.corsPolicy.unmatchedPreflights: IGNORE answers without allow-origin",
      source: "sheet 3.9",
      http: cors(
        `allowOrigins: [{ exact: "${A}" }], allowMethods: [GET], maxAge: 1s, allowCredentials: true, unmatchedPreflights: IGNORE`,
      ),
      exchanges: [
        answered(preflightOf("https://b.com"), {
          "access-control-allow-methods": "GET",
          "access-control-max-age": "1",
          "access-control-allow-credentials": "true",
        }),
      ],
    },
    {
      name: "http.corsPolicy: OPTIONS without Origin or requested method is an ordinary request",
      source: "sheet 3.9 (2)",
      http: cors('allowOrigins: [{ exact: "*" }]'),
      exchanges: [
        forwarded(["OPTIONS /", "Access-Control-Request-Method: GET"]),
        forwarded(["OPTIONS /", `Origin: ${A}`], { "access-control-allow-origin": A }),
        forwarded(["OPTIONS /", `Origin: ${A}`, "Access-Control-Request-Method:"], {
          "access-control-allow-origin": A,
        }),
        forwarded(["OPTIONS /", "Origin:", "Access-Control-Request-Method: GET"]),
      ],
    },
    {
      name: "http.corsPolicy: GET with preflight fields is an actual request",
      source: "sheet 3.9 (2)",
      http: cors('allowOrigins: [{ exact: "*" }]'),
      exchanges: [
        forwarded(["GET /", `Origin: ${A}`, "Access-Control-Request-Method: GET"], {
          "access-control-allow-origin": A,
        }),
      ],
    },
    {
      name: "http.corsPolicy: an actual request is never refused (fact 27)",
      source: "sheet 3.9, 14.27",
      http: cors(`allowOrigins: [{ exact: "${A}" }], allowMethods: [GET]`),
      exchanges: [
        goes(["DELETE /", "Origin: https://b.com"], "one", { fields: granted({}) }),
        goes(["DELETE /", `Origin: ${A}`], "one", { fields: granted({ "access-control-allow-origin": A }) }),
      ],
    },
    {
      name: "http.corsPolicy: an actual response is marked, over what the service said",
      source: "sheet 3.9 (3)",
      http: cors(
        `allowOrigins: [{ exact: "${A}" }], exposeHeaders: [x-a, x-b], allowCredentials: true, allowMethods: [GET]`,
      ),
      exchanges: [
        goes(["GET /", `Origin: ${A}`], "one", {
          answers: {
            one: [
              answerWith(
                200,
                "one",
                "Access-Control-Allow-Origin: *",
                "Access-Control-Expose-Headers: x-c",
                "Access-Control-Allow-Credentials: false",
              ),
            ],
          },
          fields: granted({
            "access-control-allow-origin": A,
            "access-control-expose-headers": "x-a,x-b",
            "access-control-allow-credentials": "true",
          }),
        }),
      ],
    },
    {
      name: "http.corsPolicy: for another origin the service's answer is untouched",
      source: "sheet 3.9 (3)",
      http: cors(`allowOrigins: [{ exact: "${A}" }], exposeHeaders: [x-a]`),
      exchanges: [
        goes(["GET /", "Origin: https://b.com"], "one", {
          answers: { one: [answerWith(200, "one", "Access-Control-Allow-Origin: https://b.com")] },
          fields: granted({ "access-control-allow-origin": "https://b.com" }),
        }),
      ],
    },
    {
      name: "http.corsPolicy: its marks come after the rule's response operations",
      source: "Envoy router.cc onUpstreamHeaders, then cors_filter.cc encodeHeaders",
      http: cors(
        `allowOrigins: [{ exact: "${A}" }]`,
        "headers: { response: { set: { access-control-allow-origin: mine, vary: Origin } } }\n  ",
      ),
      exchanges: [
        goes(["GET /", `Origin: ${A}`], "one", { fields: { "access-control-allow-origin": A, vary: "Origin" } }),
        goes("GET /", "one", { fields: { "access-control-allow-origin": "mine" } }),
      ],
    },
    {
      name: "http.corsPolicy: no response operations on the answer to a preflight",
      source: "sheet 3.10 (8)",
      http: cors(`allowOrigins: [{ exact: "${A}" }]`, "headers: { response: { set: { x-a: rule } } }\n  "),
      exchanges: [{ send: preflightOf(A), fields: { "x-a": null, "access-control-allow-origin": A } }],
    },
    {
      name: "http.corsPolicy: the gateway's own errors are marked too",
      source: "Envoy cors_filter.cc encodeHeaders runs on local replies",
      http: `- match: [{ uri: { exact: /empty } }]
  corsPolicy: { allowOrigins: [{ exact: "${A}" }] }
  ${TO_EMPTY}
${cors(`allowOrigins: [{ exact: "${A}" }]`, "retries: { attempts: 0 }\n  ")}`,
      exchanges: [
        {
          send: ["GET /empty", `Origin: ${A}`],
          status: 503,
          reply: "no healthy upstream",
          fields: { "access-control-allow-origin": A },
        },
        {
          send: ["POST /", `Origin: ${A}`],
          body: "",
          to: "one",
          answers: { one: [HANG_UP] },
          status: 503,
          reply: "upstream connect error or disconnect/reset before headers. reset reason: connection termination",
          fields: { "access-control-allow-origin": A },
        },
      ],
    },
    {
      name: "http.corsPolicy: a preflight that no rule matches is 404 (3.9 (5))",
      source: "sheet 3.9 (5)",
      http: `- match: [{ method: { exact: GET } }]\n  corsPolicy: { allowOrigins: [{ exact: "*" }] }\n  ${TO_ONE}`,
      exchanges: [{ send: preflightOf(A), status: 404, fields: granted({}), log: { flags: "NR" } }],
    },
    {
      name: "http.corsPolicy: of the rule that the preflight itself matches",
      source: "sheet 3.9 (5)",
      http: `- match: [{ method: { exact: OPTIONS } }]
  corsPolicy: { allowOrigins: [{ exact: "*" }], allowMethods: [PATCH] }
  ${TO_ONE}
${cors('allowOrigins: [{ exact: "*" }], allowMethods: [GET]')}`,
      exchanges: [
        answered(preflightOf(A), { "access-control-allow-origin": A, "access-control-allow-methods": "PATCH" }),
      ],
    },
    {
      name: "http.corsPolicy: a preflight is not mirrored",
      source: "sheet 4: CORS before the router",
      http: cors('allowOrigins: [{ exact: "*" }]', "mirror: { host: mirror.test }\n  "),
      exchanges: [{ send: preflightOf(A), fields: { "access-control-allow-origin": A } }],
    },
    {
      name: "http.corsPolicy: a preflight is answered where the service is gone",
      source: "sheet 3.9 (2): no upstream call",
      http: `- corsPolicy: { allowOrigins: [{ exact: "*" }] }\n  ${TO_EMPTY}`,
      exchanges: [{ send: preflightOf(A), fields: { "access-control-allow-origin": A } }],
    },
  ],
}
