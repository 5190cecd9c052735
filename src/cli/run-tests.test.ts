import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { runToEnd } from "./cli-process.fixture.ts"

const project = resolve(import.meta.dir, "../..")
const demo = ["-f", join(project, "routes.yaml"), "--demo"]

let cwd: string

/** The example of docs/route-tests.md is a file that passes. */
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), "portcullis-tests-"))
  const documentation = readFileSync(join(project, "docs/route-tests.md"), "utf8")
  const example = /```yaml\n([\s\S]*?)```/.exec(documentation)?.[1] ?? ""
  writeFileSync(join(cwd, "routes.test.yaml"), example)
  writeFileSync(join(cwd, "failing.yaml"), example.replace("x-release: canary", "x-other: canary"))
  writeFileSync(join(cwd, "broken.yaml"), "tests: [{}]\n")
})

afterAll(() => rmSync(cwd, { recursive: true, force: true }))

test("the documented example passes against the demo configuration: exit 0", async () => {
  const { code, stdout, stderr } = await runToEnd(["test", "routes.test.yaml", ...demo], { cwd })
  expect(stderr).toBe("portcullis test: 5 passed, 0 failed\n")
  expect(stdout.match(/^ok {4}/gm)?.length).toBe(5)
  expect(code).toBe(0)
})

test("a test that fails: what differs, exit 1, and the report for CI is written", async () => {
  const args = ["test", "failing.yaml", "--junit", "report.xml", "-o", "json", ...demo]
  const { code, stdout } = await runToEnd(args, { cwd })
  const results: unknown = JSON.parse(stdout)
  expect(code).toBe(1)
  expect(results).toMatchObject({ passed: 4, failed: 1 })
  expect(readFileSync(join(cwd, "report.xml"), "utf8")).toContain('<testsuites tests="5" failures="1"')
})

test("a test file with errors runs nothing: diagnostics with their places, exit 1", async () => {
  const { code, stdout, stderr } = await runToEnd(["test", "broken.yaml", ...demo], { cwd })
  expect([code, stdout]).toEqual([1, ""])
  expect(stderr).toContain("broken.yaml:1:9: error[P2003]: the field `name` is required\n")
})

describe("client certificates", () => {
  const gateway = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge }
spec:
  servers:
    - port: { number: 443, name: https, protocol: HTTPS }
      hosts: [shop.example]
      tls: { mode: MUTUAL, credentialName: shop.example }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: shop }
spec:
  hosts: [shop.example]
  gateways: [edge]
  http:
    - name: partners
      match: [{ headers: { x-forwarded-client-cert: { regex: ".*CN=client.*" } } }]
      directResponse: { status: 200, body: { string: partner } }
    - directResponse: { status: 204 }
`
  const request = (more: string) => `{ url: https://shop.example/${more} }`

  beforeAll(async () => {
    mkdirSync(join(cwd, "tests"))
    writeFileSync(join(cwd, "mutual.yaml"), gateway)
    const made = await runToEnd(["certs", "dev", "--host", "shop.example", "--out", "pki"], { cwd })
    expect(made.code).toBe(0)
  })

  async function testing(text: string) {
    writeFileSync(join(cwd, "tests/mutual.test.yaml"), text)
    return runToEnd(["test", "tests", "-f", "mutual.yaml", "--secrets", "pki"], { cwd })
  }

  test("a MUTUAL server and the rules behind it are tested with them, their paths relative to the test file", async () => {
    const { code, stdout } = await testing(`
tests:
  - name: a partner is let in
    request: ${request(", clientCertificate: ../pki/client/tls.crt")}
    expect: { rule: partners }
  - name: nobody else is
    request: ${request("")}
    expect: { response: { status: 403 } }
  - name: nor who shows a server's certificate
    request: ${request(", clientCertificate: ../pki/shop.example/tls.crt")}
    expect: { response: { status: 403 } }
`)
    expect(stdout).toBe("ok    a partner is let in\nok    nobody else is\nok    nor who shows a server's certificate\n")
    expect(code).toBe(0)
  })

  test("a file that is not there, or holds none, is an error at the test that names it", async () => {
    const { code, stdout, stderr } = await testing(`tests:
  - { name: a, request: ${request(", clientCertificate: gone.pem")}, expect: { rule: partners } }
  - { name: b, request: ${request(", clientCertificate: ../mutual.yaml")}, expect: { rule: partners } }
`)
    expect([code, stdout]).toEqual([1, ""])
    expect(stderr).toContain("tests/mutual.test.yaml:2:74: error[P4001]: there is no file tests/gone.pem\n")
    expect(stderr).toContain("tests/mutual.test.yaml:3:74: error[P4002]: mutual.yaml: there is no certificate in it\n")
    expect(stderr).toContain("in tests[0].request.clientCertificate\n")
  })
})

test("no file is wrong usage: exit 2", async () => {
  const { code, stderr } = await runToEnd(["test"], { cwd })
  expect([code, stderr.split("\n")[0]]).toEqual([2, "portcullis: test: no file with tests is given"])
})
