import { beforeAll, describe, expect, test } from "bun:test"
import { X509Certificate } from "node:crypto"
import type { ClientCertificatePolicy } from "../compile/snapshot.ts"
import type { HandshakeResult } from "../net/tls-upgrade.ts"
import { judgeClient, refusalTexts } from "./client-certificate.ts"
import { DevelopmentPki } from "./development-pki.ts"

const NOW_UNIX_MS = Date.UTC(2026, 5, 1)
const DAY_MS = 86_400_000

let certificate: X509Certificate
beforeAll(async () => {
  const pki = await DevelopmentPki.create(NOW_UNIX_MS)
  const issued = await pki.issue({ commonName: "x", subjectAltNames: ["a.example"], purpose: "client" })
  certificate = new X509Certificate(issued.certificatePem)
})

function judge(
  handshake: Partial<HandshakeResult>,
  policy: Partial<ClientCertificatePolicy> = {},
  nowUnixMs = NOW_UNIX_MS,
  isRequired = true,
): string {
  const whole: ClientCertificatePolicy = {
    authorities: { kind: "files", authoritiesPath: "/ca", revocationListsPath: "" },
    subjectAltNames: [],
    publicKeyHashes: [],
    certificateHashes: [],
    insecureSkipVerify: false,
    rejection: "http-403",
    ...policy,
  }
  const agreed = { alpnProtocol: "", version: "TLSv1.3", cipherSuite: "TLS_AES_128_GCM_SHA256" }
  const result = { ...agreed, peerCertificate: certificate, verificationError: "", ...handshake }
  const verdict = judgeClient(result, whole, isRequired, nowUnixMs)
  return verdict.kind === "refused" ? verdict.reason : verdict.kind
}

describe("judging a client", () => {
  test("a session that outlives its certificate, or comes before it, ends there: tickets are not verified anew", () => {
    expect(judge({})).toBe("accepted")
    expect(judge({}, {}, NOW_UNIX_MS + 366 * DAY_MS)).toBe("expired")
    expect(judge({}, {}, NOW_UNIX_MS - DAY_MS)).toBe("not-yet-valid")
  })

  test("without a certificate: anonymous where it is optional, whatever else was found", () => {
    expect(judge({ peerCertificate: null, verificationError: "UNABLE_TO_GET_ISSUER_CERT" })).toBe("none-presented")
    expect(judge({ peerCertificate: null }, {}, NOW_UNIX_MS, false)).toBe("anonymous")
    expect(judge({ peerCertificate: null }, { insecureSkipVerify: true })).toBe("none-presented")
  })

  test("an error that has no name here refuses too", () => {
    expect(judge({ verificationError: "SOMETHING_NEW" })).toBe("not-verified")
    expect(judge({ verificationError: "UNSPECIFIED" }, {}, NOW_UNIX_MS, false)).toBe("not-verified")
  })

  test("a list alone never lets in who does not verify", () => {
    const hash = certificate.fingerprint256.replaceAll(":", "").toLowerCase()
    expect(judge({ verificationError: "CERT_REVOKED" }, { certificateHashes: [hash] })).toBe("revoked")
    expect(judge({}, { certificateHashes: [hash] })).toBe("accepted")
  })

  test("every reason has its words", () => {
    for (const text of Object.values(refusalTexts)) expect(text).toMatch(/^[a-z][a-z ]+$/)
  })
})
