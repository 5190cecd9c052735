/**
 * `tls` of a DestinationRule: how the gateway speaks TLS to a service (Istio semantics sheet 6.7).
 * Source: Istio `pilot/pkg/networking/core/cluster_tls.go`.
 */
import type { TrafficPolicy } from "./api-types.ts"
import type { UpstreamTls } from "./cluster-policies.ts"
import type { PolicyTarget } from "./traffic-policy.ts"
import { workloadCredentialName } from "./workload-credential.ts"

type ClientTls = NonNullable<TrafficPolicy["tls"]>

/** @returns null for plaintext: mode DISABLE, or no `tls` at all. */
export function compileUpstreamTls(
  tls: ClientTls | undefined,
  subset: string,
  namespace: string,
  target: PolicyTarget,
): UpstreamTls | null {
  const mode = tls?.mode ?? "DISABLE"
  if (tls === undefined || mode === "DISABLE") return null
  if (mode === "ISTIO_MUTUAL") return istioMutual(tls, subset, namespace, target)
  const isMutual = mode === "MUTUAL"
  const sni = tls.sni ?? ""
  const given = tls.subjectAltNames ?? []
  const subjectAltNames = given.length > 0 ? given : target.subjectAltNames
  const credentialName = tls.credentialName ?? ""
  return {
    isMutual,
    sni,
    subjectAltNames,
    // An SNI of one's own may be any name, so there only the chain is verified.
    verifiesHost: subjectAltNames.length === 0 && sni === "",
    insecureSkipVerify: tls.insecureSkipVerify ?? false,
    credentialName,
    namespace,
    caCertificatesFile: credentialName === "" ? (tls.caCertificates ?? "") : "",
    caCrlFile: tls.caCrl ?? "",
    clientCertificateFile: isMutual && credentialName === "" ? (tls.clientCertificate ?? "") : "",
    privateKeyFile: isMutual && credentialName === "" ? (tls.privateKey ?? "") : "",
  }
}

function istioMutual(tls: ClientTls, subset: string, namespace: string, target: PolicyTarget): UpstreamTls {
  const { host, port } = target
  return {
    isMutual: true,
    sni: tls.sni === undefined || tls.sni === "" ? `outbound_.${port}_.${subset}_.${host}` : tls.sni,
    subjectAltNames: tls.subjectAltNames ?? [],
    verifiesHost: false,
    insecureSkipVerify: false,
    credentialName: workloadCredentialName,
    namespace,
    caCertificatesFile: "",
    caCrlFile: "",
    clientCertificateFile: "",
    privateKeyFile: "",
  }
}
