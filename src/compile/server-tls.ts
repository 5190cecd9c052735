/**
 * How a Gateway server terminates TLS: `servers[].tls` made total (Istio semantics sheet 1.1, 1.8, 1.9, 1.11).
 * Source: Istio `pilot/pkg/networking/core/gateway.go` (`buildGatewayListenerTLSContext`), `pilot/pkg/model/credentials`.
 */
import type { ServerTls } from "./api-types.ts"
import type { GatewayServer } from "./gateway-servers.ts"
import type { Report } from "./report.ts"
import type {
  AuthorityReference,
  CertificateReference,
  ClientCertificatePolicy,
  DownstreamTls,
  NamePattern,
  SecretReference,
  TlsVersion,
} from "./snapshot.ts"
import { workloadCredentialName } from "./workload-credential.ts"

/** What a client without an accepted certificate gets: CONTRACT of annotations. */
export const rejectionAnnotation = "portcullis.dev/client-cert-rejection"

/** Envoy's default list; names in brackets are equal to the server, the client chooses. */
const defaultCipherSuites = [
  "[ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-CHACHA20-POLY1305]",
  "[ECDHE-RSA-AES128-GCM-SHA256|ECDHE-RSA-CHACHA20-POLY1305]",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
].join(":")

/** Names that Istio hands on; config/validate-gateway.ts warns of others. */
const cipherSuiteName =
  /^(?:ECDHE-(?:ECDSA|RSA)-(?:AES128-GCM-SHA256|AES256-GCM-SHA384|CHACHA20-POLY1305|AES128-SHA|AES256-SHA)|AES128-GCM-SHA256|AES256-GCM-SHA384|AES128-SHA|AES256-SHA|DES-CBC3-SHA)$/

/** Of the names Istio knows, those BoringSSL still has. */
const curvesSupported: readonly string[] = ["P-256", "P-384", "P-521", "X25519", "X25519MLKEM768"]

const versions: Readonly<Record<string, TlsVersion>> = Object.freeze({
  TLSV1_0: "TLSv1",
  TLSV1_1: "TLSv1.1",
  TLSV1_2: "TLSv1.2",
  TLSV1_3: "TLSv1.3",
})

/** Offered by every server that terminates TLS, those of TCP too (Istio semantics sheet 1.9). */
const alpnProtocols: readonly string[] = ["h2", "http/1.1"]

export type TerminatingMode = "SIMPLE" | "MUTUAL" | "OPTIONAL_MUTUAL" | "ISTIO_MUTUAL"

export function compileServerTls(
  merged: GatewayServer,
  tls: ServerTls,
  mode: TerminatingMode,
  isHttp: boolean,
  report: Report,
): DownstreamTls {
  const certificates = compileCertificates(tls, mode, merged.gateway.metadata.namespace)
  return {
    mode: mode === "SIMPLE" ? "simple" : mode === "OPTIONAL_MUTUAL" ? "optional-mutual" : "mutual",
    certificates,
    versionMin: versions[tls.minProtocolVersion ?? ""] ?? "TLSv1.2",
    versionMax: versions[tls.maxProtocolVersion ?? ""] ?? "TLSv1.3",
    cipherSuites: compileCipherSuites(tls.cipherSuites ?? []),
    curves: compileCurves(merged, tls.ecdhCurves ?? [], report),
    alpnProtocols,
    clientCertificates: mode === "SIMPLE" ? null : compileClientCertificates(merged, tls, certificates, isHttp, report),
  }
}

function compileCertificates(
  tls: ServerTls,
  mode: TerminatingMode,
  namespace: string,
): readonly CertificateReference[] {
  if (mode === "ISTIO_MUTUAL") return [secretReference(workloadCredentialName, namespace)]
  const names = tls.credentialNames?.length ? tls.credentialNames : tls.credentialName ? [tls.credentialName] : []
  if (names.length > 0) return names.map((name) => secretReference(name, namespace))
  const files = tls.tlsCertificates?.length ? tls.tlsCertificates : [tls]
  return files.map(({ serverCertificate, privateKey }) => ({
    kind: "files",
    certificatePath: serverCertificate ?? "",
    privateKeyPath: privateKey ?? "",
  }))
}

/**
 * `NAME`, `kubernetes://NAME`, `kubernetes://NS/NAME`, `kubernetes-gateway://NS/NAME`, `configmap://NS/NAME`. Without a
 * namespace it is the Gateway's: there is no pod here that could have one.
 */
export function secretReference(text: string, gatewayNamespace: string): SecretReference {
  const path = text.replace(/^(?:kubernetes|kubernetes-gateway|configmap):\/\//, "")
  const slash = path.indexOf("/")
  return {
    kind: "secret",
    name: path.slice(slash + 1),
    namespace: slash < 0 ? gatewayNamespace : path.slice(0, slash),
    isQualified: slash >= 0,
  }
}

function compileCipherSuites(written: readonly string[]): string {
  const known = written.filter((name, index) => cipherSuiteName.test(name) && written.indexOf(name) === index)
  return known.length === 0 ? defaultCipherSuites : known.join(":")
}

function compileCurves(merged: GatewayServer, written: readonly string[], report: Report): string {
  for (const [index, curve] of written.entries()) {
    if (curvesSupported.includes(curve)) continue
    report.add({
      severity: "warning",
      code: "P3018",
      resource: merged.gateway,
      path: ["spec", "servers", merged.serverIndex, "tls", "ecdhCurves", index],
      message: `key exchange group "${curve}" is not available: it is left out`,
      hint: `available are ${curvesSupported.join(", ")}`,
    })
  }
  return written.filter((curve) => curvesSupported.includes(curve)).join(":")
}

function compileClientCertificates(
  merged: GatewayServer,
  tls: ServerTls,
  certificates: readonly CertificateReference[],
  isHttp: boolean,
  report: Report,
): ClientCertificatePolicy {
  return {
    authorities: compileAuthorities(tls, certificates, merged.gateway.metadata.namespace),
    subjectAltNames: (tls.subjectAltNames ?? []).map(namePattern),
    publicKeyHashes: tls.verifyCertificateSpki ?? [],
    certificateHashes: (tls.verifyCertificateHash ?? []).map((hash) => hash.replaceAll(":", "").toLowerCase()),
    insecureSkipVerify: tls.insecureSkipVerify ?? false,
    rejection: isHttp ? rejectionOf(merged, report) : "handshake",
  }
}

/** The CA is taken from the first certificate's Secret. */
function compileAuthorities(
  tls: ServerTls,
  certificates: readonly CertificateReference[],
  namespace: string,
): AuthorityReference {
  if (tls.caCertCredentialName) return secretReference(tls.caCertCredentialName, namespace)
  const [first] = certificates
  if (first !== undefined && first.kind === "secret") return { kind: "beside-certificate", certificate: first }
  return { kind: "files", authoritiesPath: tls.caCertificates ?? "", revocationListsPath: tls.caCrl ?? "" }
}

/** Exact, `x*` or `*x`, as Istio turns them into Envoy's matchers. */
function namePattern(text: string): NamePattern {
  if (text.startsWith("*")) return { kind: "suffix", value: text.slice(1) }
  if (text.endsWith("*")) return { kind: "prefix", value: text.slice(0, -1) }
  return { kind: "exact", value: text }
}

function rejectionOf(merged: GatewayServer, report: Report): ClientCertificatePolicy["rejection"] {
  const written = merged.gateway.metadata.annotations[rejectionAnnotation]
  if (written === undefined || written === "http-403" || written === "handshake") return written ?? "http-403"
  report.add({
    severity: "error",
    code: "P3019",
    resource: merged.gateway,
    path: ["metadata", "annotations", rejectionAnnotation],
    message: `annotation ${rejectionAnnotation}: "${written}" is neither http-403 nor handshake`,
    hint: report.closestName(written, ["http-403", "handshake"]),
  })
  return "handshake"
}
