/** `httpsRedirect` before anything else of a virtual host (Istio semantics sheet 1.7). */
import { describe, expect, test } from "bun:test"
import { startGateway } from "../harness/gateway-under-test.ts"
import { exchangeOnce } from "../harness/raw-client.ts"
import { yamlOf } from "../harness/routes-to.ts"
import { answeringYaml } from "../harness/tls-routes.ts"

/** Two plain servers on one port; only the first redirects. */
const yaml = yamlOf(
  `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge }
spec:
  servers:
    - port: { number: 80, name: http, protocol: HTTP }
      hosts: [secure.example, bare.example]
      tls: { httpsRedirect: true }
    - port: { number: 80, name: http-plain, protocol: HTTP }
      hosts: [plain.example]
`,
  answeringYaml("secure", ["secure.example"]),
  answeringYaml("plain", ["plain.example"]),
)

describe("301 with everything but the scheme as it was", () => {
  test.each([
    ["secure.example", "/"],
    ["secure.example", "/a/b?c=d&e=%2F"],
    ["secure.example", "/?"],
    ["secure.example", "/a%20b//c"],
    ["secure.example:80", "/with-default-port"],
    ["secure.example:8080", "/with-port?x"],
    ["SECURE.example", "/case"],
    ["bare.example", "/without-a-virtual-service"],
  ])("http://%s%s", async (host, target) => {
    await using gateway = await startGateway(yaml)
    const response = await exchangeOnce(gateway.port(80), `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
    expect([response.status, response.field("location"), response.text]).toEqual([301, `https://${host}${target}`, ""])
    const record = await gateway.record(0)
    expect([record.responseFlags, record.responseCodeDetails, record.routeName]).toEqual(["", "direct_response", ""])
  })

  test("whatever the method, and whatever the client says of its scheme", async () => {
    await using gateway = await startGateway(yaml)
    for (const head of [
      "POST /a HTTP/1.1\r\ncontent-length: 0",
      "HEAD /a HTTP/1.1",
      "GET /a HTTP/1.1\r\nx-forwarded-proto: https",
    ]) {
      const response = await exchangeOnce(gateway.port(80), `${head}\r\nHost: secure.example\r\n\r\n`)
      expect([head, response.status, response.field("location")]).toEqual([head, 301, "https://secure.example/a"])
    }
  })
})

test("other hosts of the port are served, unknown ones are 404 and not redirected", async () => {
  await using gateway = await startGateway(yaml)
  const get = (host: string) => exchangeOnce(gateway.port(80), `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
  expect((await get("plain.example")).text).toBe("plain")
  const unknown = await get("unknown.example")
  expect([unknown.status, unknown.field("location")]).toEqual([404, null])
})
