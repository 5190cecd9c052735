/**
 * A public-key infrastructure for development and tests: a root, an intermediate, and what the intermediate signs.
 * ECDSA P-256 throughout. The authorities' keys live only as long as the object: nothing they issue can be added to by
 * whoever finds the files, also where someone has told a browser to trust the root.
 */
import { isIP } from "node:net"
import type { Extension, JsonGeneralName, X509Certificate } from "@peculiar/x509"

type X509 = typeof import("@peculiar/x509")

const DAY_MS = 86_400_000
const AUTHORITY_VALID_MS = 3_650 * DAY_MS
/** Safari's and Chrome's limit is 398 days. */
const LEAF_VALID_MS = 365 * DAY_MS
/** Clocks of other machines may be behind. */
const CLOCK_SKEW_MS = 3_600_000

const algorithm = Object.freeze({ name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" })
const organization = "O=Portcullis development"

/** A certificate with its chain up to, and without, the root; and its key. PEM. */
export interface IssuedCertificate {
  readonly certificatePem: string
  readonly privateKeyPem: string
  /** Of the certificate itself. */
  readonly serialNumber: string
}

export interface LeafOptions {
  readonly commonName: string
  /** DNS names, IP addresses, and URIs (anything with `://`). */
  readonly subjectAltNames: readonly string[]
  readonly purpose: "server" | "client"
  readonly validFromUnixMs?: number
  readonly validToUnixMs?: number
}

interface Signer {
  readonly certificate: X509Certificate
  readonly privateKey: CryptoKey
}

export class DevelopmentPki {
  readonly #x509: X509
  readonly #nowUnixMs: number
  readonly #root: Signer
  readonly #intermediate: Signer

  private constructor(x509: X509, nowUnixMs: number, root: Signer, intermediate: Signer) {
    this.#x509 = x509
    this.#nowUnixMs = nowUnixMs
    this.#root = root
    this.#intermediate = intermediate
  }

  static async create(nowUnixMs: number): Promise<DevelopmentPki> {
    const x509 = await loadX509()
    const root = await createAuthority(x509, "root", null, nowUnixMs)
    return new DevelopmentPki(x509, nowUnixMs, root, await createAuthority(x509, "intermediate", root, nowUnixMs))
  }

  get rootPem(): string {
    return pemOf(this.#root.certificate)
  }

  get intermediatePem(): string {
    return pemOf(this.#intermediate.certificate)
  }

  async issue(options: LeafOptions): Promise<IssuedCertificate> {
    const x509 = this.#x509
    const { purpose, commonName, subjectAltNames } = options
    const { serverAuth, clientAuth } = x509.ExtendedKeyUsage
    const keys = await generateKeys()
    const extensions: Extension[] = [
      ...(await keyIdentifiers(x509, keys.publicKey, this.#intermediate)),
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([purpose === "server" ? serverAuth : clientAuth]),
    ]
    if (subjectAltNames.length > 0) {
      extensions.push(new x509.SubjectAlternativeNameExtension(subjectAltNames.map(generalName)))
    }
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: randomSerialNumber(),
      subject: `CN=${commonName}, ${organization}`,
      issuer: this.#intermediate.certificate.subject,
      notBefore: new Date(options.validFromUnixMs ?? this.#nowUnixMs - CLOCK_SKEW_MS),
      notAfter: new Date(options.validToUnixMs ?? this.#nowUnixMs + LEAF_VALID_MS),
      publicKey: keys.publicKey,
      signingKey: this.#intermediate.privateKey,
      signingAlgorithm: algorithm,
      extensions,
    })
    const key = await crypto.subtle.exportKey("pkcs8", keys.privateKey)
    return {
      certificatePem: pemOf(certificate) + this.intermediatePem,
      privateKeyPem: `${x509.PemConverter.encode(key, "PRIVATE KEY")}\n`,
      serialNumber: certificate.serialNumber,
    }
  }

  /** Revocation lists of both authorities, which verifiers want complete. @param serialNumbers that the intermediate issued */
  async revocationListsPem(serialNumbers: readonly string[]): Promise<string> {
    const lists = [
      { signer: this.#root, revoked: [] },
      { signer: this.#intermediate, revoked: serialNumbers },
    ]
    const pems = lists.map(async ({ signer, revoked }) => {
      const list = await this.#x509.X509CrlGenerator.create({
        issuer: signer.certificate.subject,
        thisUpdate: new Date(this.#nowUnixMs - CLOCK_SKEW_MS),
        nextUpdate: new Date(this.#nowUnixMs + LEAF_VALID_MS),
        signingAlgorithm: algorithm,
        signingKey: signer.privateKey,
        entries: revoked.map((serialNumber) => ({
          serialNumber,
          revocationDate: new Date(this.#nowUnixMs - CLOCK_SKEW_MS),
          reason: this.#x509.X509CrlReason.keyCompromise,
        })),
      })
      // RFC 7468 section 6 has another label than the package.
      return `${this.#x509.PemConverter.encode(list.rawData, "X509 CRL")}\n`
    })
    return (await Promise.all(pems)).join("")
  }
}

/** Loaded when it is wanted: it takes its time, and what it expects of `Reflect` must be there before. */
async function loadX509(): Promise<X509> {
  await import("./reflection-metadata.ts")
  return import("@peculiar/x509")
}

async function createAuthority(x509: X509, name: string, issuer: Signer | null, nowUnixMs: number): Promise<Signer> {
  const keys = await generateKeys()
  const subject = `CN=Portcullis development ${name}, ${organization}`
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: randomSerialNumber(),
    subject,
    issuer: issuer?.certificate.subject ?? subject,
    notBefore: new Date(nowUnixMs - CLOCK_SKEW_MS),
    notAfter: new Date(nowUnixMs + AUTHORITY_VALID_MS),
    publicKey: keys.publicKey,
    signingKey: issuer?.privateKey ?? keys.privateKey,
    signingAlgorithm: algorithm,
    extensions: [
      ...(await keyIdentifiers(x509, keys.publicKey, issuer)),
      new x509.BasicConstraintsExtension(true, issuer === null ? 1 : 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  })
  return { certificate, privateKey: keys.privateKey }
}

/** RFC 5280 sections 4.2.1.1 and 4.2.1.2; strict verifiers, Python's among them, refuse certificates without. */
async function keyIdentifiers(x509: X509, publicKey: CryptoKey, issuer: Signer | null): Promise<readonly Extension[]> {
  const own = await x509.SubjectKeyIdentifierExtension.create(publicKey)
  if (issuer === null) return [own]
  return [own, await x509.AuthorityKeyIdentifierExtension.create(issuer.certificate)]
}

function generateKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(algorithm, true, ["sign", "verify"])
}

/** Positive, 127 bits: RFC 5280 section 4.1.2.2. */
function randomSerialNumber(): string {
  const bytes = crypto.getRandomValues(Buffer.alloc(16))
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40
  return bytes.toString("hex")
}

function generalName(name: string): JsonGeneralName {
  if (name.includes("://")) return { type: "url", value: name }
  return isIP(name) === 0 ? { type: "dns", value: name } : { type: "ip", value: name }
}

function pemOf(certificate: X509Certificate): string {
  return `${certificate.toString("pem")}\n`
}
