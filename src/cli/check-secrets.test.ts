/** `portcullis check` says what is wrong with certificates before a client does (Istio semantics sheet 1.11). */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DevelopmentPki, type IssuedCertificate } from "../security/development-pki.ts"
import { runToEnd } from "./cli-process.fixture.ts"

const DAY_MS = 86_400_000
const HOST = "shop.example"
const nowUnixMs = Date.now()

let cwd = ""
let pki: DevelopmentPki
let good: IssuedCertificate
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), "portcullis-check-secrets-"))
  pki = await DevelopmentPki.create(nowUnixMs)
  good = await issue([HOST], 365)
})
afterAll(() => rm(cwd, { recursive: true }))

/** @param days from now until it expires; half a day more, so that no test depends on the second */
function issue(subjectAltNames: readonly string[], days: number): Promise<IssuedCertificate> {
  return pki.issue({
    commonName: "server",
    subjectAltNames,
    purpose: "server",
    validFromUnixMs: nowUnixMs - 400 * DAY_MS,
    validToUnixMs: nowUnixMs + days * DAY_MS + DAY_MS / 2,
  })
}

const gatewayYaml = (tls: string) => `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge}
spec:
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: ["${HOST}"]
    tls: ${tls}
`

let count = 0

/** Checks one server against a secrets folder with these files. @returns `SEVERITY CODE LINE MESSAGE` of each finding */
async function findingsOf(
  files: Readonly<Record<string, string>>,
  tls = "{mode: SIMPLE, credentialName: shop}",
  furtherYaml = "",
): Promise<{ readonly code: number; readonly findings: readonly string[] }> {
  const secrets = `secrets-${count++}`
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(cwd, secrets, "shop"), { recursive: true })
    await writeFile(join(cwd, secrets, "shop", name), text)
  }
  const args = ["check", "-f", "-", "--secrets", secrets, "-o", "json"]
  const { code, stdout } = await runToEnd(args, { cwd, stdin: gatewayYaml(tls) + furtherYaml })
  const parsed: unknown = JSON.parse(stdout)
  if (!Array.isArray(parsed)) throw new Error(stdout)
  const findings = parsed.map((one) => `${one.severity} ${one.code} ${one.line} ${one.message}`)
  return { code, findings: findings.map((line) => line.replaceAll(secrets, "SECRETS")) }
}

const pairOf = ({ certificatePem, privateKeyPem }: IssuedCertificate) => ({
  "tls.crt": certificatePem,
  "tls.key": privateKeyPem,
})

const closed = `connections for ${HOST} are closed`
const datePart = (days: number) => new Date(nowUnixMs + days * DAY_MS + DAY_MS / 2).toISOString().slice(0, 10)

test("nothing, where nothing is wrong", async () => {
  expect(await findingsOf(pairOf(good))).toEqual({ code: 0, findings: [] })
})

test("a secret that is not there, and one without its key", async () => {
  expect(await findingsOf({})).toEqual({
    code: 0,
    findings: [`warning P4001 6 there is no secret "shop": no such Secret, and no folder "SECRETS/shop": ${closed}`],
  })
  const { findings } = await findingsOf({ "tls.crt": good.certificatePem })
  expect(findings).toHaveLength(1)
  expect(findings[0]).toStartWith("warning P4001 6 ")
  expect(findings[0]).toContain("tls.key")
  expect(findings[0]).toEndWith(closed)
})

test("authorities that MUTUAL needs and that are not there", async () => {
  const { code, findings } = await findingsOf(pairOf(good), "{mode: MUTUAL, credentialName: shop}")
  expect([code, findings.length]).toEqual([0, 1])
  expect(findings[0]).toStartWith("warning P4001 6 ")
  expect(findings[0]).toContain("ca.crt")
})

test("a key of another certificate, and what is no PEM", async () => {
  const other = await issue([HOST], 365)
  expect((await findingsOf({ ...pairOf(good), "tls.key": other.privateKeyPem })).findings).toEqual([
    `warning P4002 6 SECRETS/shop: the private key does not belong to the certificate: ${closed}`,
  ])
  expect((await findingsOf({ ...pairOf(good), "tls.crt": "no" })).findings).toEqual([
    `warning P4002 6 SECRETS/shop: the certificate is not PEM: ${closed}`,
  ])
})

test("one that has expired, and one that soon will: served all the same", async () => {
  expect(await findingsOf(pairOf(await issue([HOST], -2)))).toEqual({
    code: 0,
    findings: [`warning P4003 6 SECRETS/shop: the certificate expired on ${datePart(-2)}`],
  })
  expect((await findingsOf(pairOf(await issue([HOST], 10)))).findings).toEqual([
    `warning P4004 6 SECRETS/shop: the certificate expires on ${datePart(10)}, in 10 days`,
  ])
})

test("one for another host", async () => {
  const { findings } = await findingsOf(pairOf(await issue(["other.example"], 365)))
  expect(findings).toEqual([
    `warning P4005 6 no certificate of this server has the name ${HOST} (it has other.example): clients will refuse it`,
  ])
})

test("a Secret among the resources is checked as a folder is, and wins over one", async () => {
  const secretYaml = `---
apiVersion: v1
kind: Secret
metadata: {name: shop}
stringData: {tls.crt: "no", tls.key: "no"}
`
  const { findings } = await findingsOf(pairOf(good), "{mode: SIMPLE, credentialName: shop}", secretYaml)
  expect(findings).toHaveLength(1)
  expect(findings[0]).toStartWith("warning P4002 6 ")
  expect(findings[0]).toContain("the certificate is not PEM")
})
