/**
 * What a Gateway's schema cannot say (Istio semantics sheet 1.1, 13).
 * Source: istio/istio pkg/config/validation (ValidateGateway, validateServer, validateTLSOptions, validateServerPort).
 */
import type { z } from "zod"
import type { Findings } from "./findings.ts"
import { isDnsLabel } from "./host-names.ts"
import type { gatewayServer, gatewaySpec, serverTls } from "./schemas/gateway.ts"
import type { FieldPath } from "./span-tree.ts"

type Spec = z.output<typeof gatewaySpec>
type Server = z.output<typeof gatewayServer>
type Tls = z.output<typeof serverTls>

const httpProtocols = ["HTTP", "HTTP2", "GRPC", "GRPC-WEB"]
const tlsProtocols = ["HTTPS", "TLS"]

/** Names that Istio passes to Envoy (sheet 1.9); others are dropped. */
const cipherSuites = new Set(
  (
    "ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-RSA-AES128-GCM-SHA256 ECDHE-ECDSA-AES256-GCM-SHA384 " +
    "ECDHE-RSA-AES256-GCM-SHA384 ECDHE-ECDSA-CHACHA20-POLY1305 ECDHE-RSA-CHACHA20-POLY1305 ECDHE-ECDSA-AES128-SHA " +
    "ECDHE-RSA-AES128-SHA ECDHE-ECDSA-AES256-SHA ECDHE-RSA-AES256-SHA AES128-GCM-SHA256 AES256-GCM-SHA384 " +
    "AES128-SHA AES256-SHA DES-CBC3-SHA"
  ).split(" "),
)
const tlsVersionOrder = ["TLSV1_0", "TLSV1_1", "TLSV1_2", "TLSV1_3"]

/** Fields of `tls` that name a certificate, a key or a CA. */
const certificateFields = [
  "serverCertificate",
  "privateKey",
  "caCertificates",
  "caCrl",
  "credentialName",
  "credentialNames",
  "caCertCredentialName",
  "tlsCertificates",
] as const

export function validateGateway(name: string, spec: Spec, findings: Findings): void {
  if (name !== "" && !isDnsLabel(name)) {
    findings.error("P2101", ["metadata", "name"], `the name of a Gateway must be a DNS label: no dots, at most 63`)
  }
  const servers = spec.servers ?? []
  if (servers.length === 0) findings.error("P2102", ["spec", "servers"], "a Gateway needs at least one server")
  const portNames = new Set<string>()
  const serverNames = new Set<string>()
  for (const [index, server] of servers.entries()) {
    const path = ["spec", "servers", index]
    if (portNames.has(server.port.name)) {
      const message = `port name \`${server.port.name}\` is already used in this Gateway`
      findings.error("P2104", [...path, "port", "name"], message, "port names must be unique within a Gateway")
    }
    portNames.add(server.port.name)
    if (server.name !== undefined && server.name !== "") {
      if (serverNames.has(server.name)) {
        findings.warning("P2153", [...path, "name"], `server name \`${server.name}\` is already used in this Gateway`)
      }
      serverNames.add(server.name)
    }
    validateServer(server, path, findings)
  }
}

function validateServer(server: Server, path: FieldPath, findings: Findings): void {
  if (server.hosts.length === 0) {
    findings.error("P2103", [...path, "hosts"], "a server needs at least one host", 'use "*" for every host')
  }
  if (server.port.number === 0 && server.bind?.startsWith("unix://") !== true) {
    findings.error("P2108", [...path, "port", "number"], "port 0 is only for a server on a unix socket")
  }
  if (server.port.targetPort !== undefined && server.port.targetPort !== 0) {
    const hint = "remove it; --port-map decides which port is really bound"
    findings.error("P2109", [...path, "port", "targetPort"], "targetPort has no effect on a Gateway", hint, "key")
  }
  const protocol = server.port.protocol.toUpperCase()
  if (tlsProtocols.includes(protocol)) {
    if (server.tls === undefined) {
      const hint = "add `tls: {mode: SIMPLE, credentialName: …}`, or use protocol HTTP"
      findings.error("P2105", [...path, "port", "protocol"], `a server of protocol ${protocol} needs \`tls\``, hint)
    } else {
      validateTerminatingTls(server.tls, [...path, "tls"], findings)
    }
    return
  }
  if (server.tls === undefined) return
  if (httpProtocols.includes(protocol)) validateTlsOnHttp(server.tls, protocol, [...path, "tls"], findings)
  else findings.error("P2106", [...path, "tls"], `a server of protocol ${protocol} cannot have \`tls\``, "", "key")
}

/** On a plain HTTP port only `httpsRedirect` makes sense. */
function validateTlsOnHttp(tls: Tls, protocol: string, path: FieldPath, findings: Findings): void {
  const hint = "use protocol HTTPS to serve TLS here"
  if (tls.mode !== undefined && tls.mode !== "PASSTHROUGH") {
    findings.error("P2107", [...path, "mode"], `a server of protocol ${protocol} cannot terminate TLS`, hint)
  }
  for (const field of certificateFields) {
    if (tls[field] === undefined) continue
    findings.error("P2107", [...path, field], `\`${field}\` has no place on protocol ${protocol}`, hint, "key")
  }
}

function validateTerminatingTls(tls: Tls, path: FieldPath, findings: Findings): void {
  const mode = tls.mode ?? "PASSTHROUGH"
  if (tls.httpsRedirect === true) {
    const message = "httpsRedirect only has an effect on a plain HTTP port"
    findings.warning("P2151", [...path, "httpsRedirect"], message, "set it on the server of protocol HTTP")
  }
  warnOfCipherSuites(tls, path, findings)
  checkVersions(tls, path, findings)
  switch (mode) {
    case "PASSTHROUGH":
    case "AUTO_PASSTHROUGH":
      for (const field of certificateFields) {
        if (tls[field] === undefined) continue
        findings.warning("P2150", [...path, field], `\`${field}\` has no effect with mode ${mode}`, "", "key")
      }
      return
    case "ISTIO_MUTUAL":
      for (const field of certificateFields) {
        if (tls[field] === undefined) continue
        findings.error("P2114", [...path, field], `\`${field}\` cannot be set with mode ISTIO_MUTUAL`, "", "key")
      }
      return
    default:
      checkCertificateSource(tls, mode, path, findings)
  }
}

function checkCertificateSource(
  tls: Tls,
  mode: "SIMPLE" | "MUTUAL" | "OPTIONAL_MUTUAL",
  path: FieldPath,
  findings: Findings,
): void {
  const sources = [
    ["credentialName", (tls.credentialName ?? "") !== ""],
    ["credentialNames", (tls.credentialNames ?? []).length > 0],
    ["tlsCertificates", (tls.tlsCertificates ?? []).length > 0],
    ["serverCertificate", (tls.serverCertificate ?? "") !== "" || (tls.privateKey ?? "") !== ""],
  ] as const
  const given = sources.filter(([, isGiven]) => isGiven).map(([field]) => field)
  if (given.length > 1) {
    const message = `the certificate has several sources: ${given.join(", ")}`
    findings.error("P2110", [...path, given[1] ?? ""], message, "keep one", "key")
  }
  for (const field of ["credentialNames", "tlsCertificates"] as const) {
    if ((tls[field] ?? []).length > 2) {
      findings.error("P2115", [...path, field], `\`${field}\` can hold at most two (RSA and ECDSA)`, "", "key")
    }
  }
  const fromSecret = given.includes("credentialName") || given.includes("credentialNames")
  if (given.length === 0) {
    findings.error("P2111", path, `mode ${mode} needs a certificate`, "set credentialName", "key")
  } else if (!fromSecret) {
    checkCertificateFiles(tls, mode, path, findings)
  }
  if (tls.caCrl !== undefined && tls.caCrl !== "" && (fromSecret || mode === "SIMPLE")) {
    const hint = fromSecret ? "put the list into the Secret as `ca.crl`" : ""
    const why = fromSecret ? "cannot be set together with credentialName" : "has no meaning with mode SIMPLE"
    findings.error("P2113", [...path, "caCrl"], `caCrl ${why}`, hint, "key")
  }
}

function checkCertificateFiles(
  tls: Tls,
  mode: "SIMPLE" | "MUTUAL" | "OPTIONAL_MUTUAL",
  path: FieldPath,
  findings: Findings,
): void {
  const pairs =
    tls.tlsCertificates === undefined
      ? [{ files: tls, at: path }]
      : tls.tlsCertificates.map((files, index) => ({ files, at: [...path, "tlsCertificates", index] }))
  for (const { files, at } of pairs) {
    for (const field of ["serverCertificate", "privateKey"] as const) {
      if ((files[field] ?? "") !== "") continue
      findings.error("P2111", at, `mode ${mode} needs \`${field}\` too`, "give certificate and key together", "key")
    }
  }
  if (mode !== "SIMPLE" && (tls.caCertificates ?? "") === "" && (tls.caCertCredentialName ?? "") === "") {
    findings.error("P2112", path, `mode ${mode} needs \`caCertificates\` to verify clients with`, "", "key")
  }
}

function warnOfCipherSuites(tls: Tls, path: FieldPath, findings: Findings): void {
  const seen = new Set<string>()
  for (const [index, suite] of (tls.cipherSuites ?? []).entries()) {
    if (!cipherSuites.has(suite)) {
      findings.warning("P2152", [...path, "cipherSuites", index], `unknown cipher suite \`${suite}\`: dropped`)
    } else if (seen.has(suite)) {
      findings.warning("P2152", [...path, "cipherSuites", index], `cipher suite \`${suite}\` is listed twice`)
    }
    seen.add(suite)
  }
}

function checkVersions(tls: Tls, path: FieldPath, findings: Findings): void {
  const min = tlsVersionOrder.indexOf(tls.minProtocolVersion ?? "")
  const max = tlsVersionOrder.indexOf(tls.maxProtocolVersion ?? "")
  if (min !== -1 && max !== -1 && min > max) {
    findings.error("P2116", [...path, "minProtocolVersion"], "minProtocolVersion is above maxProtocolVersion")
  }
  if ((min === 0 || min === 1) && (tls.cipherSuites ?? []).length === 0) {
    const message = `${tls.minProtocolVersion} needs explicit cipherSuites: none of the default ones works below TLS 1.2`
    findings.warning("P2154", [...path, "minProtocolVersion"], message)
  }
}
