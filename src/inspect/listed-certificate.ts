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

/** Each once, although several servers may share one; by name. */
export function distinctCertificates(certificates: readonly ListedCertificate[]): readonly ListedCertificate[] {
  const found = new Map(certificates.map((each) => [`${secretResourceName(each)} ${each.serialNumber}`, each]))
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, each]) => each)
}

/** Envoy's `DynamicSecret`. */
export function dynamicSecretJson(certificate: ListedCertificate): JsonObject {
  const name = secretResourceName(certificate)
  return message({
    name,
    secret: {
      "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
      name,
      ...(certificate.use === "server"
        ? { tlsCertificate: { privateKey: { inlineBytes: redacted } } }
        : { validationContext: {} }),
    },
  })
}
