/**
 * Which virtual host a request belongs to (Istio semantics sheet 2.2), and which VirtualServices have a say in it (1.5). No
 * case here binds `*`: that is `any-host`.
 */
import { type CaseGroup, goes, misses, TO_ONE, TO_THREE, TO_TWO } from "./conformance-case.ts"

/** A VirtualService with one rule. */
function virtualService(name: string, hosts: string, route: string, more = "gateways: [edge]"): string {
  return `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name} }
spec:
  hosts: [${hosts}]
  ${more}
  http:
    - ${route}
`
}

const documents = (...texts: readonly string[]) => texts.join("\n---\n")

export const hosts: CaseGroup = {
  name: "hosts",
  cases: [
    {
      name: "hosts: the port of Host is left out of it (fact 6)",
      source: "sheet 2.2, 14.6",
      http: `- ${TO_ONE}`,
      exchanges: [
        goes(["GET /", "Host: $host:80"], "one"),
        goes(["GET /", "Host: $host:12345"], "one", { upstream: { fields: { host: "$host:12345" } } }),
      ],
    },
    {
      name: "hosts: in any case, and upstream as sent (fact 6)",
      source: "sheet 2.2, 14.6",
      http: `- ${TO_ONE}`,
      exchanges: [goes(["GET /", "Host: C1.Hosts.TEST"], "one", { upstream: { fields: { host: "C1.Hosts.TEST" } } })],
    },
    {
      name: "hosts: a wildcard covers any depth, and never its own suffix (fact 7)",
      source: "sheet 2.2, 14.7",
      resources: virtualService("$name", '"*.$host"', TO_ONE),
      exchanges: [
        goes(["GET /", "Host: a.$host"], "one"),
        goes(["GET /", "Host: a.b.$host"], "one"),
        misses(["GET /", "Host: $host"]),
        misses(["GET /", "Host: xx$host"]),
      ],
    },
    {
      name: "hosts: a name with a dot at its end is another name (fact 7)",
      source: "sheet 2.2, 14.7",
      http: `- ${TO_ONE}`,
      exchanges: [misses(["GET /", "Host: $host."])],
    },
    {
      name: "hosts: an exact name before a wildcard, the longer wildcard before the shorter",
      source: "sheet 2.2",
      resources: documents(
        virtualService("$name-a", '"*.$host"', TO_ONE),
        virtualService("$name-b", '"*.b.$host"', TO_TWO),
        virtualService("$name-c", "a.b.$host", TO_THREE),
      ),
      exchanges: [
        goes(["GET /", "Host: a.b.$host"], "three"),
        goes(["GET /", "Host: c.b.$host"], "two"),
        goes(["GET /", "Host: b.$host"], "one"),
      ],
    },
    {
      name: "hosts: no fall-through from the virtual host to a wildcard (fact 8)",
      source: "sheet 2.1 (6), 14.8",
      resources: documents(
        virtualService("$name-a", '"*.$host"', TO_ONE),
        virtualService("$name-b", "a.$host", `match: [{ uri: { exact: /only } }]\n      ${TO_TWO}`),
      ),
      exchanges: [
        goes(["GET /only", "Host: a.$host"], "two"),
        misses(["GET /other", "Host: a.$host"]),
        goes(["GET /other", "Host: b.$host"], "one"),
      ],
    },
    {
      name: "hosts: several hosts of one VirtualService",
      source: "sheet 1.6",
      resources: virtualService("$name", "a.$host, b.$host", TO_ONE),
      exchanges: [
        goes(["GET /", "Host: a.$host"], "one"),
        goes(["GET /", "Host: b.$host"], "one"),
        misses(["GET /", "Host: c.$host"]),
      ],
    },
    {
      name: "hosts: a host that nothing binds is 404, flag NR",
      source: "sheet 5.2",
      http: `- ${TO_ONE}`,
      exchanges: [misses(["GET /", "Host: nobody.hosts.example"], { reply: "", fields: { "content-type": null } })],
    },
    {
      name: "hosts: an absolute target's host replaces Host",
      source: "sheet 4.4; RFC 9112 section 3.2.2",
      http: `- ${TO_ONE}`,
      exchanges: [
        goes(["GET http://$host/a", "Host: other.example"], "one", {
          upstream: { startLine: "GET /a HTTP/1.1", fields: { host: "$host" } },
        }),
      ],
    },
    {
      name: "gateways: a VirtualService without them never applies to a gateway (fact 9)",
      source: "sheet 1.5, 14.9",
      resources: virtualService("$name", "$host", TO_ONE, ""),
      exchanges: [misses("GET /")],
    },
    {
      name: "gateways: [mesh] alone does not apply to a gateway (fact 9)",
      source: "sheet 1.5, 14.9",
      resources: virtualService("$name", "$host", TO_ONE, "gateways: [mesh]"),
      exchanges: [misses("GET /")],
    },
    {
      name: "gateways: mesh beside a gateway applies to the gateway",
      source: "sheet 1.5",
      resources: virtualService("$name", "$host", TO_ONE, "gateways: [mesh, edge]"),
      exchanges: [goes("GET /", "one")],
    },
    {
      name: "gateways: another namespace's gateway is named NAMESPACE/NAME",
      source: "sheet 1.5",
      resources: virtualService("$name", "$host", TO_ONE, "gateways: [default/edge]").replace(
        "name: $name",
        "name: $name, namespace: team",
      ),
      exchanges: [goes("GET /", "one")],
    },
    {
      name: "hosts: a short name stands for its whole one (fact 9)",
      source: "sheet 14.9, 1.5",
      resources: virtualService("$name", "short$name", TO_ONE),
      exchanges: [
        goes(["GET /", "Host: short$name.default.svc.cluster.local"], "one"),
        misses(["GET /", "Host: short$name"]),
      ],
    },
    {
      name: "exportTo: a VirtualService that its namespace keeps to itself does not apply elsewhere",
      source: "sheet 1.5",
      resources: virtualService("$name", "$host", TO_ONE, "gateways: [default/edge]\n  exportTo: ['.']").replace(
        "name: $name",
        "name: $name, namespace: team",
      ),
      exchanges: [misses("GET /")],
    },
    {
      name: "servers: plain HTTP servers of one port share their virtual hosts across Gateways (fact 12)",
      source: "sheet 1.6, 14.12",
      resources: documents(
        `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: $name-other }
spec:
  servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["$host"] }]
`,
        virtualService("$name-a", "$host", `match: [{ uri: { prefix: /a } }]\n      ${TO_ONE}`),
        virtualService(
          "$name-b",
          "$host",
          `match: [{ uri: { prefix: /b } }]\n      ${TO_TWO}`,
          "gateways: [$name-other]",
        ),
      ),
      exchanges: [goes("GET /a", "one"), goes("GET /b", "two"), misses("GET /c")],
    },
    {
      name: "tls.httpsRedirect: 301 before any route, keeping the Host's port, path and query (fact 16)",
      source: "sheet 1.7, 14.16",
      resources: documents(
        `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: $name-redirect }
spec:
  servers: [{ port: { number: 8090, name: http, protocol: HTTP }, hosts: ["$host"], tls: { httpsRedirect: true } }]
`,
        virtualService(
          "$name",
          "$host",
          `fault: { abort: { httpStatus: 418, percentage: { value: 100 } } }
      headers: { response: { set: { x-rule: seen } } }
      ${TO_ONE}`,
          "gateways: [$name-redirect]",
        ),
      ),
      exchanges: [
        {
          send: "GET /a?b=c",
          port: 8090,
          status: 301,
          fields: { location: "https://$host/a?b=c", "x-rule": null },
          reply: "",
        },
        { send: ["GET /", "Host: $host:8090"], port: 8090, status: 301, fields: { location: "https://$host:8090/" } },
        {
          send: ["GET /", "X-Forwarded-Proto: https"],
          port: 8090,
          status: 301,
          fields: { location: "https://$host/" },
        },
        misses(["GET /", "Host: other.hosts.example"], { port: 8090 }),
      ],
    },
    {
      name: "tls.httpsRedirect: a server's host redirects without any VirtualService (fact 16)",
      source: "sheet 1.7, 14.16",
      resources: `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: $name-redirect }
spec:
  servers: [{ port: { number: 8091, name: http, protocol: HTTP }, hosts: ["$host"], tls: { httpsRedirect: true } }]
`,
      exchanges: [{ send: "GET /x", port: 8091, status: 301, fields: { location: "https://$host/x" } }],
    },
  ],
}

export const anyHost: CaseGroup = {
  name: "any-host",
  resources: documents(
    virtualService("any", '"*"', TO_ONE),
    virtualService("named", "named.example", `match: [{ uri: { prefix: /named } }]\n      ${TO_TWO}`),
  ),
  cases: [
    {
      name: 'hosts: "*" takes every host that has no virtual host of its own',
      source: "sheet 2.2",
      exchanges: [
        goes(["GET /", "Host: whoever.example"], "one"),
        goes(["GET /", "Host: 10.0.0.1:81"], "one"),
        goes(["GET /", "Host: [::1]:8080"], "one"),
      ],
    },
    {
      name: "hosts: a dot at the end makes a name of its own, which only * takes (fact 7)",
      source: "sheet 2.2, 14.7",
      exchanges: [goes(["GET /named", "Host: named.example."], "one")],
    },
    {
      name: 'hosts: no fall-through to "*" either (fact 8)',
      source: "sheet 2.1 (6), 14.8",
      exchanges: [
        goes(["GET /named", "Host: named.example"], "two"),
        misses(["GET /other", "Host: named.example"]),
        misses(["GET /other", "Host: NAMED.example:99"]),
      ],
    },
  ],
}
