import { expect, test } from "bun:test"
import { sampleTlsServers } from "./admin.fixture.ts"
import { certificateMetricFamilies, certsJson, certsText } from "./certs-page.ts"

const NOW_UNIX_MS = Date.UTC(2026, 11, 22)

test("text: a line for each server, with what is wrong, and one for each certificate in service", () => {
  expect(certsText(sampleTlsServers, NOW_UNIX_MS)).toBe(`0.0.0.0_8443::shop.example::mutual::serving
  server CN=shop.example from certs/shop-cert, expires 2027-01-01 (10 days)
0.0.0.0_8443::*::simple::NOT SERVED (there is no secret "lost")
`)
})

test("JSON: Envoy's fields for each certificate, by server", () => {
  expect(certsJson(sampleTlsServers, NOW_UNIX_MS)).toEqual({
    certificates: [
      {
        listener: "0.0.0.0_8443",
        gateway: "edge.default",
        server_names: ["shop.example"],
        mode: "MUTUAL",
        serving: true,
        problem: "",
        ca_cert: [],
        cert_chain: [
          {
            path: "certs/shop-cert",
            subject: "CN=shop.example",
            serial_number: "0a1b",
            subject_alt_names: ["shop.example"],
            days_until_expiration: "10",
            valid_from: "2026-01-01T00:00:00.000Z",
            expiration_time: "2027-01-01T00:00:00.000Z",
          },
        ],
      },
      {
        listener: "0.0.0.0_8443",
        gateway: "edge.default",
        server_names: [],
        mode: "SIMPLE",
        serving: false,
        problem: 'there is no secret "lost"',
        ca_cert: [],
        cert_chain: [],
      },
    ],
  })
})

test("metrics: which servers have newest certificates that cannot be used", () => {
  expect(certificateMetricFamilies(sampleTlsServers)[1]?.samples).toEqual([
    { labels: { listener: "0.0.0.0_8443", server_names: "shop.example" }, value: 0 },
    { labels: { listener: "0.0.0.0_8443", server_names: "*" }, value: 1 },
  ])
})

test("metrics: when each certificate in service expires", () => {
  expect(certificateMetricFamilies(sampleTlsServers)[0]?.samples).toEqual([
    {
      labels: {
        listener: "0.0.0.0_8443",
        server_names: "shop.example",
        use: "server",
        subject: "CN=shop.example",
        serial_number: "0a1b",
      },
      value: Date.UTC(2027, 0, 1) / 1000,
    },
  ])
})
