/** What TLS to the upstreams is made of, and what happens when it is missing, broken or changed. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { CertificateAuthority, type IssuedCertificate, openssl } from "../../test/harness/certificate-authority.ts"
import type { UpstreamTls } from "../compile/cluster-policies.ts"
import { type FindSecret, type SecretMaterial, UpstreamTlsContext } from "./tls-material.ts"

const tlsDefault: UpstreamTls = {
  isMutual: false,
  sni: "",
  subjectAltNames: [],
  verifiesHost: true,
  insecureSkipVerify: false,
  credentialName: "",
  namespace: "default",
  caCertificatesFile: "",
  caCrlFile: "",
  clientCertificateFile: "",
  privateKeyFile: "",
}

const noSecret: FindSecret = () => null

describe.skipIf(openssl.path === null)(openssl.named("material for TLS to the upstreams"), () => {
  let authority: CertificateAuthority
  let client: IssuedCertificate

  beforeAll(() => {
    authority = CertificateAuthority.create()
    client = authority.issue({ subjectAltName: "" })
  })
  afterAll(() => authority[Symbol.dispose]())

  const contextOf = (tls: Partial<UpstreamTls>, findSecret = noSecret) =>
    new UpstreamTlsContext({ ...tlsDefault, ...tls }, findSecret)

  const secret = (overrides: Partial<SecretMaterial> = {}): SecretMaterial => ({
    certificatePem: client.certificatePem,
    privateKeyPem: client.privateKeyPem,
    authoritiesPem: authority.certificatePem,
    revocationListPem: "",
    ...overrides,
  })

  test("the roots of the system, files, and a secret make a context", () => {
    expect(typeof contextOf({}).get(0)).toBe("object")
    const files = { clientCertificateFile: client.certificateFile, privateKeyFile: client.privateKeyFile }
    const caCertificatesFile = authority.certificateFile
    expect(typeof contextOf({ isMutual: true, ...files, caCertificatesFile }).get(0)).toBe("object")
    expect(typeof contextOf({ isMutual: true, credentialName: "api" }, () => secret()).get(0)).toBe("object")
  })

  test.each([
    ["a file that is not there", { caCertificatesFile: "/nowhere/ca.pem" }, "TLS error: cannot read /nowhere/ca.pem"],
    ["a secret that is not there", { credentialName: "api" }, "TLS error: Secret is not supplied by SDS"],
  ])("%s is a reason, not an exception", (_name, tls, reason) => {
    expect(contextOf(tls).get(0)).toBe(reason)
  })

  test("a mutual secret without a key is none", () => {
    const context = contextOf({ isMutual: true, credentialName: "api" }, () => secret({ privateKeyPem: "" }))
    expect(context.get(0)).toBe("TLS error: Secret is not supplied by SDS")
  })

  test("authorities that hold no certificate are an error, not the system's roots", () => {
    const context = contextOf({ credentialName: "api" }, () => secret({ authoritiesPem: "not a certificate" }))
    expect(context.get(0)).toBe("TLS error: no certificate in the authorities")
  })

  test("a key that is not the certificate's is an error", () => {
    const other = authority.issue({ subjectAltName: "" })
    const material = secret({ privateKeyPem: other.privateKeyPem })
    const context = contextOf({ isMutual: true, credentialName: "api" }, () => material).get(0)
    expect(typeof context === "string" && context.startsWith("TLS error: ")).toBe(true)
  })

  test("a changed file is seen after a second, and the context is kept while nothing changes", () => {
    const path = join(authority.folder, "rotating.pem")
    writeFileSync(path, authority.certificatePem)
    const context = contextOf({ caCertificatesFile: path })
    const first = context.get(0)
    expect(context.get(5_000)).toBe(first)
    using other = CertificateAuthority.create()
    writeFileSync(path, other.certificatePem)
    expect(context.get(5_999)).toBe(first)
    const second = context.get(6_000)
    expect([typeof second, second === first]).toEqual(["object", false])
  })

  test("a file that is gone or broken for a moment leaves the old one serving", () => {
    const path = join(authority.folder, "fragile.pem")
    writeFileSync(path, authority.certificatePem)
    const context = contextOf({ caCertificatesFile: path })
    const first = context.get(0)
    rmSync(path)
    expect(context.get(2_000)).toBe(first)
    writeFileSync(path, "half a certi")
    expect(context.get(4_000)).toBe(first)
  })
})
