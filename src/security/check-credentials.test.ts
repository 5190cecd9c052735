import { beforeAll, describe, expect, test } from "bun:test"
import { type CheckedCredentials, checkCredentials } from "./check-credentials.ts"
import { DevelopmentPki, type IssuedCertificate } from "./development-pki.ts"
import type { ReadCredentials } from "./read-credentials.ts"

const NOW_UNIX_MS = Date.UTC(2026, 5, 1)
const DAY_MS = 86_400_000

let pki: DevelopmentPki
let shop: IssuedCertificate
let other: IssuedCertificate
beforeAll(async () => {
  pki = await DevelopmentPki.create(NOW_UNIX_MS)
  shop = await issue(["shop.example", "*.wild.example", "spiffe://mesh/gateway"])
  other = await issue(["other.example"])
})

function issue(subjectAltNames: readonly string[], validToUnixMs?: number): Promise<IssuedCertificate> {
  const validity = validToUnixMs === undefined ? {} : { validFromUnixMs: NOW_UNIX_MS - 400 * DAY_MS, validToUnixMs }
  return pki.issue({ commonName: "server", subjectAltNames, purpose: "server", ...validity })
}

function check(
  certificate: Pick<IssuedCertificate, "certificatePem" | "privateKeyPem">,
  hosts: readonly string[] = ["shop.example"],
  further: Partial<ReadCredentials> = {},
): CheckedCredentials {
  const certificates = [{ ...certificate, origin: "certs/shop" }]
  return checkCredentials({ certificates, authorities: null, problems: [], ...further }, hosts, NOW_UNIX_MS)
}

/** `CODE fatal|told message` of each. */
function findingsOf({ findings }: CheckedCredentials): readonly string[] {
  return findings.map(({ code, isFatal, message }) => `${code} ${isFatal ? "fatal" : "told"} ${message}`)
}

describe("what can serve", () => {
  test("a chain with its key: its names, its dates, and the URIs for x-forwarded-client-cert", () => {
    const checked = check(shop, ["shop.example", "a.wild.example", "*.wild.example", "*"])
    expect(findingsOf(checked)).toEqual([])
    expect(checked.material?.serverUris).toEqual(["spiffe://mesh/gateway"])
    expect(checked.certificates.map(({ subject, use }) => [subject, use])).toEqual([
      ["O=Portcullis development,CN=server", "server"],
      ["O=Portcullis development,CN=Portcullis development intermediate", "server"],
    ])
    expect(checked.certificates[0]?.subjectAltNames).toEqual([
      "shop.example",
      "*.wild.example",
      "spiffe://mesh/gateway",
    ])
  })

  test("an expired certificate, and one that expires within 30 days, are told and served (Istio semantics sheet 1.11)", async () => {
    const expired = check(await issue(["shop.example"], NOW_UNIX_MS - DAY_MS))
    expect(findingsOf(expired)).toEqual(["P4003 told certs/shop: the certificate expired on 2026-05-31"])
    expect(expired.material).not.toBeNull()
    const soon = check(await issue(["shop.example"], NOW_UNIX_MS + 29 * DAY_MS))
    expect(findingsOf(soon)).toEqual(["P4004 told certs/shop: the certificate expires on 2026-06-30, in 29 days"])
    expect(findingsOf(check(await issue(["shop.example"], NOW_UNIX_MS + 31 * DAY_MS)))).toEqual([])
  })

  test.each([
    ["another name", ["b.example"]],
    ["a wildcard's own name", ["wild.example"]],
    ["more than one label below a wildcard", ["a.b.wild.example"]],
    ["a server's wildcard that covers more", ["*.example"]],
  ])("hosts without a name in the certificate are told: %s", (_, hosts) => {
    expect(findingsOf(check(shop, hosts))).toEqual([
      `P4005 told no certificate of this server has the name ${hosts[0]} (it has shop.example, *.wild.example): clients will refuse it`,
    ])
  })

  test("a chain out of order is told", () => {
    const certificatePem = shop.certificatePem + pki.rootPem
    expect(findingsOf(check({ ...shop, certificatePem }))).toEqual([])
    const [leaf = ""] = shop.certificatePem.split(/(?<=-----END CERTIFICATE-----\n)/)
    const wrong = leaf + pki.rootPem + pki.intermediatePem
    expect(findingsOf(check({ ...shop, certificatePem: wrong }))).toEqual([
      "P4006 told certs/shop: certificate 2 of the chain did not issue certificate 1: clients may not trust it",
      "P4006 told certs/shop: certificate 3 of the chain did not issue certificate 2: clients may not trust it",
    ])
  })
})

describe("what cannot", () => {
  test("a key that does not fit, or is none", () => {
    expect(findingsOf(check({ ...shop, privateKeyPem: other.privateKeyPem }))).toEqual([
      "P4002 fatal certs/shop: the private key does not belong to the certificate",
    ])
    expect(findingsOf(check({ ...shop, privateKeyPem: "no" }))).toEqual([
      "P4002 fatal certs/shop: the private key does not parse as PEM",
    ])
  })

  test("a certificate that is none", () => {
    expect(findingsOf(check({ ...shop, certificatePem: "no" }))).toEqual([
      "P4002 fatal certs/shop: the certificate is not PEM",
    ])
    const block = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    expect(findingsOf(check({ ...shop, certificatePem: block }))).toEqual([
      "P4002 fatal certs/shop: the certificate is PEM, but not a certificate",
    ])
    expect(check({ ...shop, certificatePem: block }).material).toBeNull()
  })

  test("authorities that are none, lists that are none", () => {
    const authorities = { authoritiesPem: pki.rootPem, revocationListsPem: "", origin: "certs/shop" }
    const good = check(shop, ["shop.example"], { authorities })
    expect([findingsOf(good), good.material?.authoritiesPem.length]).toEqual([[], 1])
    const noAuthority = { ...authorities, authoritiesPem: "no" }
    expect(findingsOf(check(shop, ["shop.example"], { authorities: noAuthority }))).toEqual([
      "P4002 fatal certs/shop: an authority's certificate is not PEM",
    ])
    const noList = { ...authorities, revocationListsPem: "no" }
    expect(findingsOf(check(shop, ["shop.example"], { authorities: noList }))).toEqual([
      "P4002 fatal certs/shop: the revocation list is not PEM",
    ])
  })

  test("what was not found", () => {
    const read = { certificates: [], authorities: null, problems: ['there is no secret "lost"'] }
    expect(findingsOf(checkCredentials(read, ["a.example"], NOW_UNIX_MS))).toEqual([
      'P4001 fatal there is no secret "lost"',
    ])
  })
})
