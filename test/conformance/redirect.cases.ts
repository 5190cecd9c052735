/** `http.redirect` (Istio semantics sheet 3.3). */
import { type CaseGroup, type Exchange, goes, TO_ONE } from "./conformance-case.ts"

const redirect = (how: string, match = "") => `- ${match === "" ? "" : `match: [{ ${match} }]\n  `}redirect: { ${how} }`
const leads = (send: Exchange["send"], location: string, status = 301): Exchange => ({
  send,
  status,
  fields: { location },
  log: { flags: "", details: "direct_response" },
})

export const redirectCases: CaseGroup = {
  name: "redirect",
  cases: [
    {
      name: "http.redirect.uri: replaces the whole path; 301, no body",
      source: "sheet 3.3",
      http: redirect("uri: /new"),
      exchanges: [
        {
          send: "GET /old/x",
          status: 301,
          reply: "",
          fields: { location: "http://$host/new", "content-length": "0", "content-type": null, server: "portcullis" },
        },
      ],
    },
    {
      name: "http.redirect.uri: the request's query is kept (fact 17)",
      source: "sheet 3.3, 14.17",
      http: redirect("uri: /new"),
      exchanges: [leads("GET /old?a=b&c", "http://$host/new?a=b&c"), leads("GET /old?", "http://$host/new?")],
    },
    {
      name: "http.redirect.uri: a query of its own replaces it (fact 17)",
      source: "sheet 3.3, 14.17",
      http: redirect('uri: "/new?x=1"'),
      exchanges: [leads("GET /old?a=b", "http://$host/new?x=1")],
    },
    {
      name: "http.redirect.uri: a missing leading slash is added",
      source: "sheet 3.3",
      http: redirect("uri: new"),
      exchanges: [leads("GET /old", "http://$host/new")],
    },
    {
      name: "http.redirect.prefixRewrite: replaces the matched prefix as text",
      source: "sheet 3.3",
      http: redirect("prefixRewrite: /new", "uri: { prefix: /old }"),
      exchanges: [
        leads("GET /old/x?q=1", "http://$host/new/x?q=1"),
        leads("GET /oldest", "http://$host/newest"),
        leads("GET /old", "http://$host/new"),
      ],
    },
    {
      name: "http.redirect.prefixRewrite: / for /old leaves both slashes",
      source: "sheet 3.3: textually",
      http: redirect("prefixRewrite: /", "uri: { prefix: /old }"),
      exchanges: [leads("GET /old/x", "http://$host//x")],
    },
    {
      name: "http.redirect.prefixRewrite: with several prefix blocks each replaces its own",
      source: "sheet 3.3, 2.3",
      http: "- match: [{ uri: { prefix: /a/ } }, { uri: { prefix: /bbb/ } }]\n  redirect: { prefixRewrite: /n/ }",
      exchanges: [leads("GET /a/x", "http://$host/n/x"), leads("GET /bbb/x", "http://$host/n/x")],
    },
    {
      name: "http.redirect.authority: the path stays",
      source: "sheet 3.3",
      http: redirect("authority: b.com"),
      exchanges: [leads("GET /x?y", "http://b.com/x?y"), leads(["GET /x", "Host: $host:8080"], "http://b.com/x")],
    },
    {
      name: "http.redirect.authority: with a port of its own",
      source: "sheet 3.3",
      http: redirect("authority: b.com:9000"),
      exchanges: [leads("GET /x", "http://b.com:9000/x")],
    },
    {
      name: "http.redirect.scheme: https keeps the Host's port (fact 17)",
      source: "sheet 3.3, 14.17",
      http: redirect("scheme: https"),
      exchanges: [leads("GET /x", "https://$host/x"), leads(["GET /x", "Host: $host:8080"], "https://$host:8080/x")],
    },
    {
      name: "http.redirect.scheme: the old scheme's default port is dropped when the scheme changes (fact 17)",
      source: "sheet 3.3, 14.17",
      http: redirect("scheme: https"),
      exchanges: [
        leads(["GET /x", "Host: $host:80"], "https://$host/x"),
        leads(["GET /x", "Host: $host:443"], "https://$host:443/x"),
      ],
    },
    {
      name: "http.redirect.scheme: the same scheme changes no port",
      source: "sheet 3.3",
      http: redirect("scheme: http"),
      exchanges: [leads(["GET /x", "Host: $host:80"], "http://$host:80/x")],
    },
    {
      name: "http.redirect.port: replaces the Host's (fact 17)",
      source: "sheet 3.3, 14.17",
      http: redirect("port: 8443, scheme: https"),
      exchanges: [
        leads("GET /x", "https://$host:8443/x"),
        leads(["GET /x", "Host: $host:8080"], "https://$host:8443/x"),
      ],
    },
    {
      name: "http.redirect.port: a scheme's default port is not written, and the Host's stays",
      source: "sheet 3.3; istio route.go ApplyRedirect, Envoy processRequestHost",
      http: redirect("port: 443, scheme: https"),
      exchanges: [leads("GET /x", "https://$host/x"), leads(["GET /x", "Host: $host:8080"], "https://$host:8080/x")],
    },
    {
      name: "http.redirect.port: 80 with http is not written",
      source: "sheet 3.3",
      http: redirect("port: 80, authority: b.com"),
      exchanges: [leads("GET /x", "http://b.com/x")],
    },
    {
      name: "http.redirect.port: 443 with http is written",
      source: "sheet 3.3",
      http: redirect("port: 443"),
      exchanges: [leads("GET /x", "http://$host:443/x")],
    },
    {
      name: "http.redirect.derivePort: FROM_REQUEST_PORT is the Gateway's port number",
      source: "sheet 3.3",
      http: redirect("derivePort: FROM_REQUEST_PORT, authority: b.com"),
      exchanges: [{ ...leads("GET /x", "http://b.com:8080/x"), port: 8080 }, leads("GET /x", "http://b.com/x")],
    },
    {
      name: "http.redirect.derivePort: FROM_PROTOCOL_DEFAULT writes none",
      source: "sheet 3.3",
      http: redirect("derivePort: FROM_PROTOCOL_DEFAULT, authority: b.com"),
      exchanges: [{ ...leads("GET /x", "http://b.com/x"), port: 8080 }],
    },
    ...[301, 302, 303, 307, 308].map((code) => ({
      name: `http.redirect.redirectCode: ${code}`,
      source: "sheet 3.3",
      http: redirect(`uri: /new, redirectCode: ${code}`),
      exchanges: [
        leads("GET /old", "http://$host/new", code),
        { ...leads("POST /old", "http://$host/new", code), body: "x" },
      ],
    })),
    {
      name: "http.redirect.redirectCode: 0 is 301",
      source: "sheet 3.3",
      http: redirect("uri: /new, redirectCode: 0"),
      exchanges: [leads("GET /old", "http://$host/new")],
    },
    {
      name: "http.redirect: the rule's response operations apply",
      source: "sheet 3.3, 3.10 (8)",
      http: `- redirect: { uri: /new }
  headers: { response: { set: { x-a: "1", cache-control: no-store }, remove: [x-b] } }`,
      exchanges: [
        {
          send: "GET /",
          status: 301,
          fields: { location: "http://$host/new", "x-a": "1", "cache-control": "no-store" },
        },
      ],
    },
    {
      name: "http.redirect: the location is the normalised path, and stays one line",
      source: "sheet 2.5, 3.3",
      http: redirect("scheme: https"),
      exchanges: [leads("GET /a/../b%0d%0aX:y?q=%0a", "https://$host/b%0d%0aX:y?q=%0a")],
    },
    {
      name: "http.redirect: corsPolicy has no effect on it (fact 26)",
      source: "sheet 3, 14.26",
      http: `- redirect: { uri: /new }\n  corsPolicy: { allowOrigins: [{ exact: "*" }] }`,
      exchanges: [
        {
          send: ["OPTIONS /", "Origin: https://a.com", "Access-Control-Request-Method: GET"],
          status: 301,
          fields: { location: "http://$host/new", "access-control-allow-origin": null },
        },
        {
          send: ["GET /", "Origin: https://a.com"],
          status: 301,
          fields: { location: "http://$host/new", "access-control-allow-origin": null },
        },
      ],
    },
    {
      name: "http.redirect: HEAD has no body either",
      source: "sheet 5.1",
      http: redirect("uri: /new"),
      exchanges: [leads("HEAD /old", "http://$host/new")],
    },
    {
      name: "http.redirect: a gRPC request gets it as a trailers-only response (fact 32)",
      source: "sheet 5.3; Envoy router.cc: a redirect is a local reply",
      http: redirect("uri: /new"),
      exchanges: [
        {
          send: ["POST /old", "Content-Type: application/grpc"],
          body: "",
          status: 200,
          fields: { "grpc-status": "2", location: "http://$host/new", "content-type": "application/grpc" },
        },
      ],
    },
    {
      name: "http.redirect: a rule behind it that matches is not reached",
      source: "sheet 2.3",
      http: `${redirect("uri: /b", "uri: { exact: /a }")}\n- ${TO_ONE}`,
      exchanges: [leads("GET /a", "http://$host/b"), goes("GET /b", "one")],
    },
  ],
}
