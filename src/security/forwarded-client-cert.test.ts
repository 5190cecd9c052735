import { expect, test } from "bun:test"
import { X509Certificate } from "node:crypto"
import { certificateNames } from "./certificate-names.ts"
import { DevelopmentPki } from "./development-pki.ts"
import { forwardedClientCert } from "./forwarded-client-cert.ts"

const pki = await DevelopmentPki.create(Date.now())
const issued = await pki.issue({ commonName: "x", subjectAltNames: ["a.example"], purpose: "client" })
const certificate = new X509Certificate(issued.certificatePem)
const names = certificateNames(certificate.raw)

test("By comes once for each URI of the gateway, and not at all without one (Istio semantics sheet 4.2)", () => {
  expect(forwardedClientCert(certificate, names, ["spiffe://a", "spiffe://b"])).toStartWith(
    "By=spiffe://a;By=spiffe://b;Hash=",
  )
  expect(forwardedClientCert(certificate, names, [])).toStartWith("Hash=")
})

test("URI and DNS come once for each name, in the certificate's order", () => {
  const several = { ...names, uris: ["spiffe://a", "https://b/?c=d"], dnsNames: ["a.example", "b.example"] }
  expect(forwardedClientCert(certificate, several, [])).toEndWith(
    ";URI=spiffe://a;URI=https://b/?c=d;DNS=a.example;DNS=b.example",
  )
})

test("a name that would forge a pair, another element or another header line cannot", () => {
  const forged = { ...names, uris: ['a;By="b",Hash=c'], dnsNames: ["a\r\nx-admin: 1", "\u00fc"] }
  const value = forwardedClientCert(certificate, forged, [])
  expect(value).toEndWith(';URI="a;By=\\"b\\",Hash=c";DNS=a%0D%0Ax-admin: 1;DNS=%C3%BC')
  expect(value).not.toMatch(/[\r\n]/)
  const backslash = forwardedClientCert(certificate, { ...names, uris: ['a\\";By=b', ";\\"] }, [])
  expect(backslash).toContain(';URI="a\\\\\\";By=b";URI=";\\\\";')
})

test("a subject with quotes keeps the backslashes of RFC 2253", () => {
  const quoted = { ...names, subject: 'CN=a\\"b' }
  expect(forwardedClientCert(certificate, quoted, [])).toContain(';Subject="CN=a\\"b";')
})
