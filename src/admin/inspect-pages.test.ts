import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { FakeGateway } from "./admin.fixture.ts"
import { startAdminServer } from "./admin-server.ts"
import type { OwnServer } from "./own-server.ts"

let server: OwnServer

beforeEach(() => {
  const started = startAdminServer({ host: "127.0.0.1", port: 0 }, new FakeGateway())
  if ("error" in started) throw new Error(started.error)
  server = started
})

afterEach(() => server.stop())

function get(path: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`http://127.0.0.1:${server.port}${path}`, { headers })
}

describe("/config_dump", () => {
  test("has Envoy's groups in Envoy's spelling", async () => {
    const dump: unknown = await (await get("/config_dump")).json()
    expect(dump).toMatchObject({
      configs: [
        { "@type": "type.googleapis.com/envoy.admin.v3.BootstrapConfigDump" },
        {
          "@type": "type.googleapis.com/envoy.admin.v3.ClustersConfigDump",
          static_clusters: [
            {
              cluster: {
                "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
                name: "outbound|80||shop.default.svc.cluster.local",
                connect_timeout: "10s",
              },
            },
          ],
        },
        {
          "@type": "type.googleapis.com/envoy.admin.v3.ListenersConfigDump",
          static_listeners: [
            {
              listener: {
                name: "0.0.0.0_8080",
                filter_chains: [{ filters: [{ typed_config: { rds: { route_config_name: "http.8080" } } }] }],
              },
            },
          ],
        },
        {
          "@type": "type.googleapis.com/envoy.admin.v3.RoutesConfigDump",
          static_route_configs: [
            {
              route_config: {
                name: "http.8080",
                virtual_hosts: [{ name: "localhost:80" }, { name: "shop.example:80" }],
              },
            },
          ],
        },
        {
          "@type": "type.googleapis.com/envoy.admin.v3.SecretsConfigDump",
          dynamic_active_secrets: [
            { secret: { tls_certificate: { private_key: { inline_bytes: "W3JlZGFjdGVkXQ==" } } } },
          ],
        },
      ],
    })
  })

  test("?include_eds adds the endpoints there are right now", async () => {
    const dump: unknown = await (await get("/config_dump?include_eds")).json()
    expect(dump).toMatchObject({
      configs: expect.arrayContaining([
        {
          "@type": "type.googleapis.com/envoy.admin.v3.EndpointsConfigDump",
          static_endpoint_configs: [
            {
              endpoint_config: expect.objectContaining({
                endpoints: [
                  {
                    lb_endpoints: [
                      {
                        endpoint: { address: { socket_address: { address: "10.0.0.7", port_value: 8080 } } },
                        health_status: "HEALTHY",
                        load_balancing_weight: 1,
                      },
                    ],
                  },
                ],
              }),
            },
          ],
        },
      ]),
    })
  })
})

describe("/proxy-config", () => {
  test("a table, JSON or YAML, each with its type", async () => {
    const answers = await Promise.all(
      ["/proxy-config/endpoints", "/proxy-config/ep?format=json", "/proxy-config/endpoints?format=yaml"].map((path) =>
        get(path),
      ),
    )
    expect(answers.map((answer) => answer.headers.get("content-type"))).toEqual([
      "text/plain; charset=UTF-8",
      "application/json",
      "application/yaml",
    ])
    expect(await answers[0]?.text()).toBe(
      "ENDPOINT          STATUS      OUTLIER CHECK     CLUSTER\n" +
        "10.0.0.7:8080     HEALTHY     OK                outbound|80||shop.default.svc.cluster.local\n",
    )
  })

  test.each(["/proxy-config/everything", "/proxy-config/routes?format=xml", "/proxy-config/routes?port=http"])(
    "%s is 400 and says how it is used",
    async (path) => {
      const answer = await get(path)
      expect([answer.status, await answer.text()]).toEqual([
        400,
        expect.stringMatching(/^usage: \/proxy-config\/listeners\|routes\|/),
      ])
    },
  )
})

describe("/explain", () => {
  const query = "url=http://shop.example/other&header=x-a:%20b"

  test("text for people, JSON for scripts", async () => {
    expect(await (await get(`/explain?${query}`)).text()).toContain("rule 1        matches: unnamed of")
    const json: unknown = await (await get(`/explain?${query}`, { accept: "application/json" })).json()
    expect(json).toMatchObject({
      request: { headers: [{ name: "Host" }, { name: "x-a", value: "b" }] },
      rule: { index: 1, action: "direct-response" },
    })
  })

  test.each(["", "?url=/path", "?url=http://a/&header=nonsense"])("/explain%s is 400 and says why", async (asked) => {
    const answer = await get(`/explain${asked}`)
    expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining("usage: /explain?url=")])
  })
})
