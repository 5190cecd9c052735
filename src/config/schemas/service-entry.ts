/**
 * Istio `ServiceEntry` and `WorkloadEntry`: every field of istio/api networking/v1alpha3/service_entry.proto and
 * workload_entry.proto (Istio semantics sheet 7.1).
 */
import { z } from "zod"
import { fieldProblem, text } from "../field-problem.ts"
import { hostNameProblem, isIpAddress } from "../host-names.ts"
import { dnsLabel, exportTo, ipSubnet, labels, portNumber, printable, uint32 } from "./field-values.ts"

const serviceProtocols = [
  "HTTP",
  "HTTPS",
  "GRPC",
  "GRPC-WEB",
  "HTTP2",
  "MONGO",
  "TCP",
  "TLS",
  "UDP",
  "REDIS",
  "MYSQL",
  "UNSUPPORTED",
]

/** Names, `*.suffix`, and the partial wildcards that Istio still lets pass here (`*-eu.example.com`). */
const serviceHost = text((value) => {
  if (value === "*") return fieldProblem("P2008", "host `*`: a ServiceEntry cannot stand for every host")
  if (isIpAddress(value)) return null
  const problem = hostNameProblem(value.replace(/^\*[-.]?/, ""))
  return problem === null ? null : fieldProblem("P2008", `host \`${printable(value)}\`: ${problem}`)
})

export const workloadEntrySpec = z.strictObject({
  address: z.string().optional(),
  labels: labels.optional(),
  locality: z.string().optional(),
  network: z.string().optional(),
  ports: z.record(dnsLabel, portNumber).optional(),
  serviceAccount: z.string().optional(),
  weight: uint32.optional(),
})

export const serviceEntrySpec = z.strictObject({
  addresses: z.array(ipSubnet).optional(),
  endpoints: z.array(workloadEntrySpec).optional(),
  exportTo: exportTo.optional(),
  hosts: z.array(serviceHost),
  location: z.enum(["MESH_EXTERNAL", "MESH_INTERNAL"]).optional(),
  ports: z
    .array(
      z.strictObject({
        name: dnsLabel,
        number: portNumber,
        /** Any case, as Istio reads it. */
        protocol: text((value) =>
          serviceProtocols.includes(value.toUpperCase())
            ? null
            : fieldProblem(
                "P2004",
                `unknown protocol \`${printable(value)}\``,
                `one of ${serviceProtocols.join(", ")}`,
              ),
        ).optional(),
        targetPort: portNumber.optional(),
      }),
    )
    .optional(),
  resolution: z.enum(["NONE", "STATIC", "DNS", "DNS_ROUND_ROBIN", "DYNAMIC_DNS"]).optional(),
  subjectAltNames: z.array(z.string()).optional(),
  workloadSelector: z.strictObject({ labels: labels.optional() }).optional(),
})
