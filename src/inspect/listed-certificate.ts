/** Certificates in service, as `proxy-config secrets` and `/config_dump` list them. Never a private key. */
import type { AuthorityReference, CertificateReference } from "../compile/snapshot.ts"
import { type JsonObject, message } from "./json-value.ts"

/** The part of a certificate that is shown. */
export interface ListedCertificate {
  /** `Secret NAMESPACE/NAME`, a folder of `--secrets`, or a file. */
  readonly origin: string
  readonly use: "server" | "authority"
  readonly serialNumber: string
  readonly validFromUnixMs: number
  readonly validToUnixMs: number
  readonly certificatePem: string
}

/** What istiod would send as one secret: a chain, the server's own certificate first, or a bundle of authorities. */
export interface ListedSecret {
  readonly name: string
  readonly use: ListedCertificate["use"]
  /** At least one; each once. */
  readonly certificates: readonly ListedCertificate[]
}

const authoritySuffix = "-cacert"

/** What Envoy prints in the place of a key: base64 of `[redacted]`. */
const redacted = Buffer.from("[redacted]").toString("base64")

/** As istiod names what it sends: `kubernetes://NAME`, `kubernetes://NAME-cacert`, `file-cert:PATH`. */
export function secretResourceName({ origin, use }: ListedCertificate): string {
  if (/\.(?:pem|crt|cer)$/i.test(origin)) return `${use === "server" ? "file-cert" : "file-root"}:${origin}`
  const name = origin.slice(origin.lastIndexOf("/") + 1)
  return use === "server" || name.endsWith(authoritySuffix)
    ? `kubernetes://${name}`
    : `kubernetes://${name}${authoritySuffix}`
}

export function certificateReferenceName(reference: CertificateReference): string {
  return reference.kind === "files"
    ? `file-cert:${reference.certificatePath}~${reference.privateKeyPath}`
    : `kubernetes://${reference.name}`
}

export function authorityReferenceName(reference: AuthorityReference): string {
  switch (reference.kind) {
    case "secret":
      return `kubernetes://${reference.name}`
    case "beside-certificate":
      return `kubernetes://${reference.certificate.name}${authoritySuffix}`
    case "files":
      return `file-root:${reference.authoritiesPath}`
  }
}

/**
 * By name; each once, although several servers may share one.
 *
 * @param certificates of each server in the order of its chain
 */
export function listedSecrets(certificates: readonly ListedCertificate[]): readonly ListedSecret[] {
  const groups = Map.groupBy(certificates, (each) => `${secretResourceName(each)} ${each.use}`)
  const secrets = [...groups.values()].flatMap((members) => {
    const [first] = members
    if (first === undefined) return []
    const distinct = new Map(members.map((each) => [each.certificatePem, each]))
    return [{ name: secretResourceName(first), use: first.use, certificates: [...distinct.values()] }]
  })
  return secrets.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
}

/** Envoy's `DynamicSecret`. */
export function dynamicSecretJson({ name, use, certificates }: ListedSecret): JsonObject {
  const pem = certificates.map(({ certificatePem }) => `${certificatePem.trimEnd()}\n`).join("")
  const inlineBytes = Buffer.from(pem).toString("base64")
  return message({
    name,
    secret: {
      "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
      name,
      ...(use === "server"
        ? { tlsCertificate: { certificateChain: { inlineBytes }, privateKey: { inlineBytes: redacted } } }
        : { validationContext: { trustedCa: { inlineBytes } } }),
    },
  })
}
