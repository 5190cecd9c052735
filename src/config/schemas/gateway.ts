/**
 * Istio `Gateway`: every field of istio/api networking/v1alpha3/gateway.proto (Istio semantics sheet 1.1).
 */
import { isAbsolute } from "node:path"
import { z } from "zod"
import { fieldProblem, text } from "../field-problem.ts"
import { fullWildcardHostProblem, isDnsLabel, isIpAddress } from "../host-names.ts"
import { labels, nonEmpty, portNumberOrZero, printable, uint32 } from "./field-values.ts"

export const gatewayProtocols = ["HTTP", "HTTPS", "GRPC", "GRPC-WEB", "HTTP2", "MONGO", "TCP", "TLS", "REDIS", "MYSQL"]

const tlsProtocolVersion = z.enum(["TLS_AUTO", "TLSV1_0", "TLSV1_1", "TLSV1_2", "TLSV1_3"])

/** `host` or `namespace/host`; namespace may be `*` or `.` (sheet 1.4). */
const serverHost = text((value) => {
  const slash = value.indexOf("/")
  const namespace = slash === -1 ? "*" : value.slice(0, slash)
  const host = value.slice(slash + 1)
  if (namespace !== "*" && namespace !== "." && namespace !== "~" && !isDnsLabel(namespace)) {
    return fieldProblem("P2008", `host \`${printable(value)}\`: \`${printable(namespace)}\` is not a namespace`)
  }
  const problem = fullWildcardHostProblem(host)
  return problem === null ? null : fieldProblem("P2008", `host \`${printable(value)}\`: ${problem}`)
})

const bindAddress = text((value) => {
  if (value === "" || isIpAddress(value)) return null
  if (value.startsWith("unix://@") && value.length > "unix://@".length) return null
  if (value.startsWith("unix://") && isAbsolute(value.slice("unix://".length))) return null
  return fieldProblem("P2008", `bind \`${printable(value)}\` is neither an IP address nor unix:///path`)
})

const certificateHash = text((value) =>
  /^(?:[0-9a-fA-F]{64}|[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){31})$/.test(value)
    ? null
    : fieldProblem("P2014", "a certificate hash is the SHA-256 in hex, 64 digits, colons allowed"),
)
const publicKeyHash = text((value) =>
  /^[A-Za-z0-9+/]{43}=$/.test(value)
    ? null
    : fieldProblem("P2014", "a public key hash is the SHA-256 in base64, 44 characters"),
)

const tlsFiles = z.strictObject({
  caCertificates: z.string().optional(),
  privateKey: z.string().optional(),
  serverCertificate: z.string().optional(),
})

export const serverTls = z.strictObject({
  caCertCredentialName: z.string().optional(),
  caCertificates: z.string().optional(),
  caCrl: z.string().optional(),
  cipherSuites: z.array(z.string()).optional(),
  credentialName: z.string().optional(),
  credentialNames: z.array(nonEmpty).optional(),
  ecdhCurves: z.array(z.string()).optional(),
  httpsRedirect: z.boolean().optional(),
  insecureSkipVerify: z.boolean().optional(),
  maxProtocolVersion: tlsProtocolVersion.optional(),
  minProtocolVersion: tlsProtocolVersion.optional(),
  mode: z.enum(["PASSTHROUGH", "SIMPLE", "MUTUAL", "AUTO_PASSTHROUGH", "ISTIO_MUTUAL", "OPTIONAL_MUTUAL"]).optional(),
  privateKey: z.string().optional(),
  serverCertificate: z.string().optional(),
  subjectAltNames: z.array(z.string()).optional(),
  tlsCertificates: z.array(tlsFiles).optional(),
  verifyCertificateHash: z.array(certificateHash).optional(),
  verifyCertificateSpki: z.array(publicKeyHash).optional(),
})

export const gatewayServer = z.strictObject({
  bind: bindAddress.optional(),
  defaultEndpoint: z.string().optional(),
  hosts: z.array(serverHost),
  name: z.string().optional(),
  port: z.strictObject({
    name: nonEmpty,
    number: portNumberOrZero,
    /** Any case, as Istio reads it. */
    protocol: text((value) =>
      gatewayProtocols.includes(value.toUpperCase())
        ? null
        : fieldProblem("P2004", `unknown protocol \`${printable(value)}\``, `one of ${gatewayProtocols.join(", ")}`),
    ),
    targetPort: uint32.optional(),
  }),
  tls: serverTls.optional(),
})

export const gatewaySpec = z.strictObject({
  selector: labels.optional(),
  servers: z.array(gatewayServer).optional(),
})
