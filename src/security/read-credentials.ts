/**
 * Gathers what one server's TLS is made of: certificates with their keys, authorities, revocation lists, by whichever
 * way its Gateway names them (Istio semantics sheet 1.1, 1.11).
 */
import type { AuthorityReference, CertificateReference, DownstreamTls } from "../compile/snapshot.ts"
import type { CertificateWithKey } from "../net/tls-context.ts"
import type { FoundSecret, NotFound, SecretData, Secrets } from "./secrets.ts"

/** A certificate as it was found, for whoever checks and shows it. */
export interface ReadCertificate extends CertificateWithKey {
  readonly origin: string
}

export interface ReadAuthorities {
  readonly authoritiesPem: string
  /** "" = none. */
  readonly revocationListsPem: string
  readonly origin: string
}

export interface ReadCredentials {
  readonly certificates: readonly ReadCertificate[]
  /** null = clients are not asked for certificates, or what they would be verified against is missing. */
  readonly authorities: ReadAuthorities | null
  /** What is missing or cannot be read. With any, the server cannot be served. */
  readonly problems: readonly string[]
}

/** Beside Secret NAME. */
const authoritySuffix = "-cacert"

export function readCredentials(tls: DownstreamTls, secrets: Secrets): ReadCredentials {
  const problems: string[] = []
  const certificates: ReadCertificate[] = []
  for (const reference of tls.certificates) {
    const read = readCertificate(reference, secrets)
    if ("problem" in read) problems.push(read.problem)
    else certificates.push(read)
  }
  let authorities: ReadAuthorities | null = null
  if (tls.clientCertificates !== null) {
    const read = readAuthorities(tls.clientCertificates.authorities, secrets)
    if ("problem" in read) problems.push(read.problem)
    else authorities = read
  }
  // One missing Secret is one problem, also where both its certificate and its authorities are wanted.
  return { certificates, authorities, problems: [...new Set(problems)] }
}

function readCertificate(reference: CertificateReference, secrets: Secrets): ReadCertificate | NotFound {
  if (reference.kind === "files") {
    const certificate = secrets.readFile(reference.certificatePath)
    if ("problem" in certificate) return certificate
    const key = secrets.readFile(reference.privateKeyPath)
    if ("problem" in key) return key
    return { certificatePem: certificate.text, privateKeyPem: key.text, origin: reference.certificatePath }
  }
  const found = secrets.find(reference)
  if ("problem" in found) return found
  const { data, origin } = found
  // Generic names win where both sets exist.
  const [certificateKey, privateKeyKey] =
    has(data, "cert") && has(data, "key") ? ["cert", "key"] : ["tls.crt", "tls.key"]
  for (const key of [certificateKey, privateKeyKey]) if (!has(data, key)) return { problem: `${origin} has no ${key}` }
  return { certificatePem: data.get(certificateKey) ?? "", privateKeyPem: data.get(privateKeyKey) ?? "", origin }
}

function readAuthorities(reference: AuthorityReference, secrets: Secrets): ReadAuthorities | NotFound {
  switch (reference.kind) {
    case "files":
      return readAuthorityFiles(reference.authoritiesPath, reference.revocationListsPath, secrets)
    case "secret": {
      const found = secrets.find(reference)
      return "problem" in found ? found : authoritiesIn(found)
    }
    case "beside-certificate": {
      const { certificate } = reference
      const separate = secrets.find({ ...certificate, name: `${certificate.name}${authoritySuffix}` })
      if (!("problem" in separate)) return authoritiesIn(separate)
      const found = secrets.find(certificate)
      return "problem" in found ? found : authoritiesIn(found)
    }
  }
}

function readAuthorityFiles(
  authoritiesPath: string,
  revocationListsPath: string,
  secrets: Secrets,
): ReadAuthorities | NotFound {
  const authorities = secrets.readFile(authoritiesPath)
  if ("problem" in authorities) return authorities
  const lists = revocationListsPath === "" ? { text: "" } : secrets.readFile(revocationListsPath)
  if ("problem" in lists) return lists
  return { authoritiesPem: authorities.text, revocationListsPem: lists.text, origin: authoritiesPath }
}

function authoritiesIn({ data, origin }: FoundSecret): ReadAuthorities | NotFound {
  const [authorityKey, listKey] = has(data, "cacert") ? ["cacert", "crl"] : ["ca.crt", "ca.crl"]
  if (!has(data, authorityKey))
    return { problem: `${origin} has no ${authorityKey} to verify client certificates with` }
  return { authoritiesPem: data.get(authorityKey) ?? "", revocationListsPem: data.get(listKey) ?? "", origin }
}

function has(data: SecretData, key: string): boolean {
  return (data.get(key) ?? "").trim() !== ""
}
