import { afterAll, beforeAll, expect, test } from "bun:test"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { runToEnd } from "./cli-process.fixture.ts"

const configuration = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge }
spec:
  servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["*"] }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: shop }
spec:
  hosts: ["*"]
  gateways: [edge]
  http: [{ name: open, directResponse: { status: 200, body: { string: "open" } } }]
`

let cwd: string

beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), "portcullis-explain-"))
  writeFileSync(join(cwd, "routes.yaml"), configuration)
  writeFileSync(join(cwd, "broken.yaml"), configuration.replace("gateways", "gatways"))
})

afterAll(() => rmSync(cwd, { recursive: true, force: true }))

test("METHOD URL and headers: the walk is on stdout, nothing on stderr, exit 0", async () => {
  const { code, stdout, stderr } = await runToEnd(["explain", "POST", "http://shop.example/x", "-H", "x-a: b"], { cwd })
  expect([code, stderr]).toEqual([0, ""])
  expect(stdout).toStartWith("request       POST http://shop.example/x\n")
  expect(stdout).toContain("rule 0        matches: open of VirtualService default/shop  ./routes.yaml:14:10\n")
})

test("the URL alone is a GET; -o json prints one object", async () => {
  const { code, stdout } = await runToEnd(["explain", "http://shop.example/x", "-o", "json"], { cwd })
  const explanation: unknown = JSON.parse(stdout)
  expect(code).toBe(0)
  expect(explanation).toMatchObject({
    request: { method: "GET", url: "http://shop.example/x", path: "/x" },
    rule: { index: 0, name: "open", action: "direct-response" },
    outcomes: [{ response: { status: 200, body: "open" } }],
  })
})

test("a configuration with errors is not explained: diagnostics on stderr, exit 1", async () => {
  const { code, stdout, stderr } = await runToEnd(["explain", "http://a/", "-f", "broken.yaml"], { cwd })
  expect([code, stdout]).toEqual([1, ""])
  expect(stderr).toStartWith("broken.yaml:13:3: error[")
  expect(stderr).toEndWith("portcullis explain: 1 error, 0 warnings\n")
})

test.each([
  [["explain"], "explain: give one METHOD and one URL"],
  [["explain", "GET", "http://a/", "more"], "explain: give one METHOD and one URL"],
  [["explain", "GET", "/path"], '"/path" names no host'],
  [["explain", "http://a/", "-H", "nonsense"], '--header: "nonsense" is not NAME: VALUE'],
  [["explain", "http://a/", "--client-cert", "nope.pem"], "--client-cert: there is no file nope.pem"],
  [
    ["explain", "http://a/", "--client-cert", "routes.yaml"],
    "--client-cert: routes.yaml: there is no certificate in it",
  ],
  [["explain", "http://a/", "--client-cert", "."], "--client-cert: . cannot be read: EISDIR"],
  [["explain", "http://a/", "--gateway", "edge"], '--gateway: "edge" is not NAMESPACE/NAME'],
])("%j is wrong usage: exit 2", async (args, message) => {
  const { code, stderr } = await runToEnd(args, { cwd })
  expect(code).toBe(2)
  expect(stderr).toContain(message)
  expect(stderr).toContain("hint: ")
})
