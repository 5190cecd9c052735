import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Finished, runToEnd, type StartOptions } from "./cli-process.fixture.ts"

const gateway = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: ["*"]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: hello}
spec:
  hosts: ["*"]
  gateways: [edge]
  http:
`
const goodFile = `${gateway}  - directResponse: {status: 200, body: {string: hello}}\n`
const brokenFile = `${gateway}  - directRespons: {status: 200}\n`
const undefinedDestination = `${gateway}  - route: [{destination: {host: nowhere, port: {number: 80}}}]\n`

let cwd = ""

beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), "portcullis-check-"))
  await writeFile(join(cwd, "routes.yaml"), goodFile)
  await writeFile(join(cwd, "broken.yaml"), brokenFile)
  await writeFile(join(cwd, "dns.yaml"), undefinedDestination)
})

afterAll(() => rm(cwd, { recursive: true }))

function check(args: readonly string[], options: Partial<StartOptions> = {}): Promise<Finished> {
  return runToEnd(["check", ...args], { cwd, ...options })
}

describe("portcullis check", () => {
  test("a right configuration, by default ./routes.yaml: exit 0, nothing on stdout", async () => {
    expect(await check([])).toEqual({ code: 0, stdout: "", stderr: "portcullis check: 0 errors, 0 warnings\n" })
  })

  test("a configuration that would serve nothing: it is right, and the summary says why", async () => {
    await writeFile(join(cwd, "empty.yaml"), "")
    const empty = await check(["-f", "empty.yaml"])
    expect(empty).toMatchObject({ code: 0, stdout: "" })
    expect(empty.stderr).toBe(
      "portcullis check: 0 errors, 0 warnings; nothing would be served: there is no Gateway to listen for\n",
    )
    const unselected = await check(["--selector", "istio=ingress"])
    expect(unselected.stderr).toEndWith(
      "; nothing would be served: there is no Gateway whose selector istio=ingress fulfils\n",
    )
  })

  test("a TLS server without its secret: a warning at the server's place, exit 0", async () => {
    const tls = gateway.replace(
      "number: 80, name: http, protocol: HTTP}",
      "number: 443, name: https, protocol: HTTPS}\n    tls: {mode: SIMPLE, credentialName: lost}",
    )
    await writeFile(join(cwd, "tls.yaml"), `${tls}  - directResponse: {status: 200}\n`)
    const { code, stdout, stderr } = await check(["-f", "tls.yaml", "--secrets", "none"])
    expect([code, stderr]).toEqual([0, "portcullis check: 0 errors, 1 warning\n"])
    expect(stdout).toStartWith(
      'tls.yaml:7:5: warning[P4001]: there is no secret "lost": no such Secret, and no folder "none/lost": connections for every server name are closed\n',
    )
    expect(stdout).toContain("= in Gateway default/edge\n")
  })

  test("an error: FILE:LINE:COL: error[CODE], the line, exit 1", async () => {
    const { code, stdout, stderr } = await check(["-f", "broken.yaml"])
    expect(code).toBe(1)
    expect(stdout).toMatch(/^broken\.yaml:17:5: error\[P\d{4}\]: .*directRespons/)
    expect(stdout).toContain("directRespons: {status: 200}")
    expect(stderr).toBe("portcullis check: 1 error, 0 warnings\n")
  })

  test("a warning alone: exit 0", async () => {
    const { code, stdout, stderr } = await check(["-f", "dns.yaml"])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^dns\.yaml:17:\d+: warning\[P3\d{3}\]: /)
    expect(stderr).toBe("portcullis check: 0 errors, 1 warning\n")
  })

  test("--no-dns-fallback makes it an error", async () => {
    const { code, stderr } = await check(["-f", "dns.yaml", "--no-dns-fallback"])
    expect(code).toBe(1)
    expect(stderr).toBe("portcullis check: 1 error, 0 warnings\n")
  })

  test("-o json: one array, with the contract's fields; an empty array when there is nothing", async () => {
    const { code, stdout } = await check(["-f", "broken.yaml", "-o", "json"])
    expect(code).toBe(1)
    const diagnostics: unknown = JSON.parse(stdout)
    expect(diagnostics).toEqual([
      {
        severity: "error",
        code: expect.stringMatching(/^P\d{4}$/),
        message: expect.any(String),
        file: "broken.yaml",
        line: 17,
        column: 5,
        resource: "VirtualService default/hello",
        path: expect.stringContaining("spec.http[0]"),
        hint: expect.any(String),
      },
    ])
    expect(JSON.parse((await check(["-o", "json"])).stdout)).toEqual([])
  })

  test("-o github: a workflow command", async () => {
    const { stdout } = await check(["-f", "broken.yaml", "-o", "github"])
    expect(stdout).toMatch(/^::error file=broken\.yaml,line=17,col=5/)
  })

  test("-f - reads stdin", async () => {
    expect((await check(["-f", "-"], { stdin: goodFile })).code).toBe(0)
    expect((await check(["-f", "-"], { stdin: brokenFile })).stdout).toStartWith("<stdin>:17:5: error[")
  })

  test("several -f are one configuration, and so is a folder", async () => {
    expect((await check(["-f", "routes.yaml", "-f", "broken.yaml"])).code).toBe(1)
    expect((await check(["-f", "."])).stdout).toContain("broken.yaml:17:5")
  })

  test("a file that is not there: exit 1, named", async () => {
    const { code, stdout } = await check(["-f", "none.yaml"])
    expect({ code, stdout }).toEqual({ code: 1, stdout: "none.yaml: error[P1001]: there is no such file or folder\n" })
  })

  test("the environment stands in for flags, and flags win", async () => {
    const env = { PORTCULLIS_FILE: "broken.yaml", PORTCULLIS_OUTPUT: "json" }
    const fromEnvironment = await check([], { env })
    expect(fromEnvironment.code).toBe(1)
    expect(JSON.parse(fromEnvironment.stdout)).toHaveLength(1)
    const { code, stdout } = await check(["-f", "routes.yaml"], { env })
    expect({ code, stdout: JSON.parse(stdout) }).toEqual({ code: 0, stdout: [] })
  })

  test("--demo registers the demo services", async () => {
    const text = goodFile.replace(/directResponse: .*/, "route: [{destination: {host: webapp, port: {number: 80}}}]")
    const options = { stdin: text }
    expect((await check(["-f", "-", "--demo", "--no-dns-fallback"], options)).code).toBe(0)
    expect((await check(["-f", "-", "--no-dns-fallback"], options)).code).toBe(1)
  })

  test("wrong usage: exit 2", async () => {
    expect(await check(["--nope"])).toMatchObject({ code: 2, stdout: "" })
  })
})
