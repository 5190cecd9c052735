/**
 * The credentials of every TLS server of a snapshot: read, checked, and what is wrong with them as diagnostics at the
 * servers' places in the user's files. All of these are warnings: a server without a certificate is closed to its
 * clients, and its neighbours serve (Istio semantics sheet 1.11).
 */
import type { FilterChain, Snapshot } from "../compile/snapshot.ts"
import type { Diagnostic } from "../config/diagnostics.ts"
import { runAtOnce, type Steps } from "../config/steps.ts"
import { type CheckedCredentials, type CredentialFinding, checkCredentials } from "./check-credentials.ts"
import { readCredentials } from "./read-credentials.ts"
import type { Secrets } from "./secrets.ts"

export interface LoadedCredentials {
  readonly byChain: ReadonlyMap<FilterChain, CheckedCredentials>
  readonly diagnostics: readonly Diagnostic[]
}

export const noCredentials: LoadedCredentials = Object.freeze({ byChain: new Map(), diagnostics: [] })

export function loadCredentials(snapshot: Snapshot, secrets: Secrets, nowUnixMs: number): LoadedCredentials {
  return runAtOnce(loadingCredentials(snapshot, secrets, nowUnixMs))
}

/** The same in steps of one server each, for whoever has something else to do meanwhile. */
export function* loadingCredentials(snapshot: Snapshot, secrets: Secrets, nowUnixMs: number): Steps<LoadedCredentials> {
  const byChain = new Map<FilterChain, CheckedCredentials>()
  const diagnostics: Diagnostic[] = []
  for (const chain of snapshot.listeners.flatMap(({ filterChains }) => filterChains)) {
    if (chain.tls === null) continue
    yield
    const hosts = chain.serverNames.length === 0 ? ["*"] : chain.serverNames
    const checked = checkCredentials(readCredentials(chain.tls, secrets), hosts, nowUnixMs)
    byChain.set(chain, checked)
    diagnostics.push(...checked.findings.map((finding) => diagnosticOf(finding, chain)))
  }
  return { byChain, diagnostics }
}

/** The files and folders that a snapshot's credentials may come from, for watching. */
export function credentialPaths(snapshot: Snapshot, secretsFolder: string): readonly string[] {
  const paths = new Set([secretsFolder])
  for (const { tls } of snapshot.listeners.flatMap(({ filterChains }) => filterChains)) {
    if (tls === null) continue
    for (const reference of tls.certificates) {
      if (reference.kind !== "files") continue
      paths.add(reference.certificatePath)
      paths.add(reference.privateKeyPath)
    }
    const authorities = tls.clientCertificates?.authorities
    if (authorities?.kind !== "files") continue
    paths.add(authorities.authoritiesPath)
    paths.add(authorities.revocationListsPath)
  }
  paths.delete("")
  return [...paths].toSorted()
}

function diagnosticOf({ code, message, isFatal }: CredentialFinding, chain: FilterChain): Diagnostic {
  const { file, line, column } = chain.location
  const [{ namespace, name }] = chain.gateways
  const names = chain.serverNames.length === 0 ? "every server name" : chain.serverNames.join(", ")
  return {
    severity: "warning",
    code,
    message: isFatal ? `${message}: connections for ${names} are closed` : message,
    file,
    line,
    column,
    endColumn: 0,
    resource: `Gateway ${namespace}/${name}`,
    path: "",
    hint: hints[code],
  }
}

const hints: Readonly<Record<CredentialFinding["code"], string>> = Object.freeze({
  P4001: "`portcullis certs dev` makes certificates for development",
  P4002: "",
  P4003: "it is served all the same; clients will refuse it",
  P4004: "",
  P4005: "",
  P4006: "the server's certificate comes first, then the one that issued it, and so on",
})
