/**
 * The secret that a DestinationRule's `credentialName` names, for TLS to its service (Istio semantics sheet 6.7, 1.11): the
 * client certificate with its key, and the authorities that the server is verified against; whichever are there.
 */
import type { SecretMaterial } from "../upstream/tls-material.ts"
import type { FoundSecret, SecretData, Secrets } from "./secrets.ts"

/** Beside Secret NAME. */
const authoritySuffix = "-cacert"

/** @returns null when there is no such secret. */
export function findUpstreamSecret(secrets: Secrets, name: string, namespace: string): SecretMaterial | null {
  const own = find(secrets, name, namespace)
  const authorities = find(secrets, `${name}${authoritySuffix}`, namespace) ?? own
  if (authorities === null) return null
  const data: SecretData = own?.data ?? new Map<string, string>()
  const isGeneric = textOf(data, "cert") !== "" && textOf(data, "key") !== ""
  return {
    certificatePem: textOf(data, isGeneric ? "cert" : "tls.crt"),
    privateKeyPem: textOf(data, isGeneric ? "key" : "tls.key"),
    authoritiesPem: textOf(authorities.data, "cacert") || textOf(authorities.data, "ca.crt"),
    revocationListPem: textOf(authorities.data, "crl") || textOf(authorities.data, "ca.crl"),
  }
}

function find(secrets: Secrets, name: string, namespace: string): FoundSecret | null {
  const found = secrets.find({ kind: "secret", name, namespace, isQualified: false })
  return "problem" in found ? null : found
}

function textOf(data: SecretData, key: string): string {
  return data.get(key) ?? ""
}
