/**
 * The four Kubernetes kinds that name endpoints and hold certificates: Secret, Service, Endpoints (core v1) and
 * EndpointSlice (discovery.k8s.io/v1), Istio semantics sheet 1.11 and 7.2.
 *
 * Fields that a gateway reads are typed; the rest of the API is accepted by name and not looked into, since these
 * manifests are usually written for a cluster. Unknown names are errors here too.
 */
import { z } from "zod"
import { base64, labels, portNumber } from "./field-values.ts"

/** A field of the API that says nothing to a gateway. */
const unread = z.unknown().optional()

export const secretBody = z.strictObject({
  data: z.record(z.string(), base64).nullish(),
  stringData: z.record(z.string(), z.string()).nullish(),
  type: z.string().optional(),
  immutable: z.boolean().optional(),
})

const servicePort = z.strictObject({
  name: z.string().optional(),
  port: portNumber,
  protocol: z.enum(["TCP", "UDP", "SCTP"]).optional(),
  appProtocol: z.string().optional(),
  targetPort: z.union([portNumber, z.string()]).optional(),
  nodePort: unread,
})

export const serviceBody = z.strictObject({
  spec: z.strictObject({
    ports: z.array(servicePort).optional(),
    selector: labels.nullish(),
    type: z.enum(["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"]).optional(),
    clusterIP: z.string().optional(),
    externalName: z.string().optional(),
    publishNotReadyAddresses: z.boolean().optional(),
    allocateLoadBalancerNodePorts: unread,
    clusterIPs: unread,
    externalIPs: unread,
    externalTrafficPolicy: unread,
    healthCheckNodePort: unread,
    internalTrafficPolicy: unread,
    ipFamilies: unread,
    ipFamilyPolicy: unread,
    loadBalancerClass: unread,
    loadBalancerIP: unread,
    loadBalancerSourceRanges: unread,
    sessionAffinity: unread,
    sessionAffinityConfig: unread,
    trafficDistribution: unread,
  }),
  status: unread,
})

const endpointPort = z.strictObject({
  name: z.string().nullish(),
  port: portNumber.nullish(),
  protocol: z.enum(["TCP", "UDP", "SCTP"]).optional(),
  appProtocol: z.string().nullish(),
})

export const endpointSliceBody = z.strictObject({
  addressType: z.enum(["IPv4", "IPv6", "FQDN"]),
  endpoints: z
    .array(
      z.strictObject({
        addresses: z.array(z.string()),
        conditions: z
          .strictObject({
            ready: z.boolean().nullish(),
            serving: z.boolean().nullish(),
            terminating: z.boolean().nullish(),
          })
          .optional(),
        hostname: z.string().optional(),
        nodeName: z.string().optional(),
        zone: z.string().optional(),
        deprecatedTopology: unread,
        hints: unread,
        targetRef: unread,
      }),
    )
    .nullish(),
  ports: z.array(endpointPort).nullish(),
})

const endpointAddress = z.strictObject({
  ip: z.string(),
  hostname: z.string().optional(),
  nodeName: z.string().optional(),
  targetRef: unread,
})

export const endpointsBody = z.strictObject({
  subsets: z
    .array(
      z.strictObject({
        addresses: z.array(endpointAddress).optional(),
        notReadyAddresses: z.array(endpointAddress).optional(),
        ports: z.array(endpointPort).optional(),
      }),
    )
    .optional(),
})
