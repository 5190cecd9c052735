import { describe, expect, test } from "bun:test"
import { X509Certificate } from "node:crypto"
import fc from "fast-check"
import { requireTool } from "../../test/peer-tools.ts"
import { certificateNames } from "./certificate-names.ts"
import { DevelopmentPki } from "./development-pki.ts"

const openssl = requireTool("openssl")

/** A self-signed certificate with this subject, as openssl's `-subj`, and these names. */
async function certificateOf(subject: string, subjectAltName = ""): Promise<Buffer> {
  const extensions = subjectAltName === "" ? [] : ["-addext", `subjectAltName=${subjectAltName}`]
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "/dev/null"]
  const command = [
    openssl.path ?? "",
    "req",
    "-x509",
    ...key,
    "-utf8",
    "-multivalue-rdn",
    "-subj",
    subject,
    ...extensions,
  ]
  const run = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "pipe" })
  return new X509Certificate(await run.stdout.text()).raw
}

/** What OpenSSL itself prints as RFC 2253. */
async function subjectByOpenssl(der: Buffer): Promise<string> {
  const command = [openssl.path ?? "", "x509", "-inform", "DER", "-noout", "-subject", "-nameopt", "RFC2253"]
  const run = Bun.spawn(command, { stdin: der, stdout: "pipe", stderr: "pipe" })
  return (await run.stdout.text()).replace(/\n$/, "").replace(/^subject=/, "")
}

describe("the subject", () => {
  test
    .skipIf(openssl.path === null)
    .each([
      "/C=DE/O=Example GmbH/OU=Edge/CN=shop.example",
      "/CN=only",
      '/O=Comma, Inc./CN=a\\+b;c<d>e\\\\f"g',
      "/CN=#leading hash",
      "/CN= leading and trailing ",
      "/CN=Jörg Müller/L=Köln",
      "/CN=a+UID=b/O=two in one set",
      "/DC=example/DC=com/emailAddress=a@example.com",
      "/CN=tab\there",
      "/serialNumber=42/street=Main St 1/postalCode=12345/title=Dr/GN=G/SN=S/initials=I",
      "/1.3.6.1.4.1.99999.1=unknown type/CN=x",
      "/CN=a\\=b",
    ])("of %s is written as OpenSSL writes RFC 2253", async (subject) => {
    const der = await certificateOf(subject)
    expect(certificateNames(der).subject).toBe(await subjectByOpenssl(der))
  })
})

describe("subject alternative names", () => {
  test.skipIf(openssl.path === null)(openssl.named("of every type, in their order"), async () => {
    const names =
      "DNS:a.example,DNS:*.b.example,URI:spiffe://td/ns/x/sa/y,URI:https://a.example/?q=1,IP:10.0.0.1,IP:2001:db8::1,email:a@example.com,RID:1.2.3"
    expect(certificateNames(await certificateOf("/CN=x", names))).toEqual({
      subject: "CN=x",
      issuer: "CN=x",
      dnsNames: ["a.example", "*.b.example"],
      uris: ["spiffe://td/ns/x/sa/y", "https://a.example/?q=1"],
      emails: ["a@example.com"],
      ipAddresses: ["10.0.0.1", "2001:db8:0:0:0:0:0:1"],
    })
  })

  test("none at all", async () => {
    const pki = await DevelopmentPki.create(Date.now())
    const { certificatePem } = await pki.issue({ commonName: "x", subjectAltNames: [], purpose: "client" })
    expect(certificateNames(new X509Certificate(certificatePem).raw)).toEqual({
      subject: "O=Portcullis development,CN=x",
      issuer: "O=Portcullis development,CN=Portcullis development intermediate",
      dnsNames: [],
      uris: [],
      emails: [],
      ipAddresses: [],
    })
  })
})

test("any bytes, and certificates with any bytes changed, give names or none, never an exception", async () => {
  const pki = await DevelopmentPki.create(Date.now())
  const subjectAltNames = ["a.example", "10.0.0.1", "spiffe://td/x"]
  const { certificatePem } = await pki.issue({ commonName: "x", subjectAltNames, purpose: "client" })
  const der = new X509Certificate(certificatePem).raw
  const edits = fc.array(fc.tuple(fc.nat(der.length - 1), fc.nat(255)), { maxLength: 5 })
  fc.assert(
    fc.property(edits, fc.nat(der.length), (changes, length) => {
      const bytes = Buffer.from(der.subarray(0, length))
      for (const [at, value] of changes) if (at < length) bytes[at] = value
      const { dnsNames, subject } = certificateNames(bytes)
      expect([Array.isArray(dnsNames), typeof subject]).toEqual([true, "string"])
    }),
    { numRuns: 2_000 },
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(typeof certificateNames(Buffer.from(bytes)).subject).toBe("string")
    }),
  )
})
