import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { RunningCommand, runToEnd } from "./cli-process.fixture.ts"

const configuration = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge }
spec:
  servers: [{ port: { number: 80, name: http, protocol: HTTP }, bind: 127.0.0.1, hosts: ["*"] }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: shop }
spec:
  hosts: [shop.example]
  gateways: [edge]
  http: [{ route: [{ destination: { host: shop.internal } }] }]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: shop }
spec:
  hosts: [shop.internal]
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP }]
  endpoints: [{ address: 127.0.0.1, ports: { http: 1 } }]
`

let cwd: string

beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), "portcullis-pc-"))
  writeFileSync(join(cwd, "routes.yaml"), configuration)
})

afterAll(() => rmSync(cwd, { recursive: true, force: true }))

test("of files: the table on stdout", async () => {
  const { code, stdout, stderr } = await runToEnd(["proxy-config", "clusters", "-f", "routes.yaml"], { cwd })
  expect([code, stderr]).toEqual([0, ""])
  expect(stdout).toBe(
    "SERVICE FQDN      PORT     SUBSET     DIRECTION     TYPE       DESTINATION RULE\n" +
      "shop.internal     80       -          outbound      STATIC\n",
  )
})

test("of the running gateway: the same as of its files, by pc and through --admin", async () => {
  const args = ["--port-map", "80=0", "--admin", "127.0.0.1:0", "--status-port", "off", "--access-log", "off"]
  const gateway = new RunningCommand(args, { cwd })
  const port = (await gateway.waitFor(/admin address=127\.0\.0\.1 port=(\d+)/))[1]
  for (const kind of ["routes", "clusters", "endpoints"]) {
    const running = await runToEnd(["pc", kind, "--admin", `127.0.0.1:${port}`, "-o", "json"], { cwd })
    const ofFiles = await runToEnd(["pc", kind, "-f", "routes.yaml", "--port-map", "80=0", "-o", "json"], { cwd })
    expect([kind, running.code, running.stdout]).toEqual([kind, 0, ofFiles.stdout])
    expect(running.stdout).toContain("shop.")
  }
  gateway.kill("SIGTERM")
  expect((await gateway.end()).code).toBe(0)
})

test("nobody answers at --admin: exit 1, and the hint says what to give", async () => {
  const { code, stderr } = await runToEnd(["pc", "routes", "--admin", "127.0.0.1:1"], { cwd })
  expect(code).toBe(1)
  expect(stderr).toStartWith("portcullis: no gateway answers at 127.0.0.1:1: nothing listens there\n")
  expect(stderr).toContain("\n  hint: give --admin HOST:PORT, or --file for files\n")
})

test.each([
  [["pc"], "proxy-config: no kind is given"],
  [["pc", "everything"], 'proxy-config: "everything" is not a kind'],
  [["pc", "routes", "clusters"], 'proxy-config: "routes clusters" is not a kind'],
  [["pc", "routes", "-o", "xml"], '--output: "xml" is not one of table, json, yaml'],
  [["pc", "routes", "--fqdn", "a.b"], "proxy-config routes: --fqdn is for clusters, endpoints"],
  [["pc", "secrets", "--port", "443"], "proxy-config secrets: --port is for listeners, clusters, endpoints"],
  [["pc", "routes", "--admin", "off"], "proxy-config: --admin off leaves nobody to ask"],
])("%j is wrong usage: exit 2", async (args, message) => {
  const { code, stderr } = await runToEnd(args, { cwd })
  expect([code, stderr.split("\n")[0]]).toEqual([2, `portcullis: ${message}`])
})

describe("whom it asks", () => {
  const nobody = { PORTCULLIS_ADMIN: "127.0.0.1:1" }
  const files = { PORTCULLIS_FILE: "routes.yaml" }
  const asksFiles: readonly (readonly [string, readonly string[], Readonly<Record<string, string>>, boolean])[] = [
    ["files on the command line", ["-f", "routes.yaml"], nobody, true],
    ["files of the environment, where nothing else is said", [], files, true],
    ["the gateway, where the environment names it too", [], { ...files, ...nobody }, false],
    ["the gateway of the command line", ["--admin", "127.0.0.1:1"], files, false],
    // Beside a Service of that name.
    ["files, whatever Kubernetes adds", ["-f", "routes.yaml"], { PORTCULLIS_PORT: "tcp://10.0.0.1:80" }, true],
  ]
  test.each(asksFiles)("%s", async (_, args, env, isOfFiles) => {
    const { stdout, stderr } = await runToEnd(["pc", "clusters", ...args], { cwd, env })
    expect([stdout !== "", stderr.includes("no gateway answers at 127.0.0.1:1")]).toEqual([isOfFiles, !isOfFiles])
  })

  test("never a proxy", async () => {
    const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("the gateway's own\n") })
    const env = { HTTP_PROXY: "http://127.0.0.1:1", http_proxy: "http://127.0.0.1:1" }
    const asked = await runToEnd(["pc", "routes", "--admin", `127.0.0.1:${server.port}`], { cwd, env })
    expect(asked).toEqual({ code: 0, stdout: "the gateway's own\n", stderr: "" })
    await server.stop(true)
  })

  test("what answers and is no admin interface: its answer, and what to give", async () => {
    const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("no\n", { status: 404 }) })
    const { code, stdout, stderr } = await runToEnd(["pc", "routes", "--admin", `127.0.0.1:${server.port}`], { cwd })
    expect([code, stdout]).toEqual([1, ""])
    expect(stderr).toBe(
      `portcullis: 127.0.0.1:${server.port} answered 404 "no"\n  hint: is it the admin interface of a gateway? give --admin HOST:PORT\n`,
    )
    await server.stop(true)
  })
})
