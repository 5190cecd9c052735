/**
 * Istio `DestinationRule`: every field of istio/api networking/v1alpha3/destination_rule.proto
 * (Istio semantics sheet 6).
 */
import { z } from "zod"
import { atMostOne, exactlyOne, refine } from "../field-problem.ts"
import {
  dnsLabel,
  durationFromOneMs,
  durationOrZero,
  exportTo,
  hostName,
  integerBetween,
  labels,
  nonEmpty,
  nonNegativeInt32,
  portNumber,
  uint32,
  uint64,
  wholePercent,
  wildcardHost,
} from "./field-values.ts"

const httpCookie = z.strictObject({
  attributes: z.array(z.strictObject({ name: nonEmpty, value: z.string().optional() })).optional(),
  name: nonEmpty,
  path: z.string().optional(),
  ttl: durationOrZero.optional(),
})

const consistentHash = z
  .strictObject({
    httpCookie: httpCookie.optional(),
    httpHeaderName: nonEmpty.optional(),
    httpQueryParameterName: nonEmpty.optional(),
    maglev: z.strictObject({ tableSize: uint64.optional() }).optional(),
    minimumRingSize: uint64.optional(),
    ringHash: z.strictObject({ minimumRingSize: uint64.optional() }).optional(),
    useSourceIp: z.boolean().optional(),
  })
  .superRefine(
    refine(
      exactlyOne("httpHeaderName", "httpCookie", "useSourceIp", "httpQueryParameterName"),
      atMostOne("ringHash", "maglev"),
      atMostOne("minimumRingSize", "maglev"),
    ),
  )

const localityLbSetting = z
  .strictObject({
    distribute: z
      .array(
        z.strictObject({
          from: nonEmpty.optional(),
          to: z.record(nonEmpty, integerBetween(0, 100, "a weight here is from 0 to 100")).optional(),
        }),
      )
      .optional(),
    enabled: z.boolean().optional(),
    failover: z.array(z.strictObject({ from: z.string().optional(), to: z.string().optional() })).optional(),
    failoverPriority: z.array(nonEmpty).optional(),
  })
  .superRefine(refine(atMostOne("distribute", "failover"), atMostOne("distribute", "failoverPriority")))

export const loadBalancer = z
  .strictObject({
    consistentHash: consistentHash.optional(),
    localityLbSetting: localityLbSetting.optional(),
    simple: z.enum(["UNSPECIFIED", "LEAST_CONN", "RANDOM", "PASSTHROUGH", "ROUND_ROBIN", "LEAST_REQUEST"]).optional(),
    warmup: z
      .strictObject({
        aggression: z.number().gte(1).optional(),
        duration: durationFromOneMs,
        minimumPercent: z.number().gte(0).lte(100).optional(),
      })
      .optional(),
    warmupDurationSecs: durationFromOneMs.optional(),
  })
  .superRefine(refine(atMostOne("simple", "consistentHash"), atMostOne("warmup", "warmupDurationSecs")))

export const connectionPool = z.strictObject({
  http: z
    .strictObject({
      h2UpgradePolicy: z.enum(["DEFAULT", "DO_NOT_UPGRADE", "UPGRADE"]).optional(),
      http1MaxPendingRequests: nonNegativeInt32.optional(),
      http2KeepAlive: z
        .strictObject({ interval: durationFromOneMs.optional(), timeout: durationFromOneMs.optional() })
        .optional(),
      http2MaxRequests: nonNegativeInt32.optional(),
      idleTimeout: durationOrZero.optional(),
      maxConcurrentStreams: nonNegativeInt32.optional(),
      maxRequestsPerConnection: nonNegativeInt32.optional(),
      maxRetries: nonNegativeInt32.optional(),
      useClientProtocol: z.boolean().optional(),
    })
    .optional(),
  tcp: z
    .strictObject({
      connectTimeout: durationFromOneMs.optional(),
      idleTimeout: durationOrZero.optional(),
      maxConnectionDuration: durationFromOneMs.optional(),
      maxConnections: nonNegativeInt32.optional(),
      tcpKeepalive: z
        .strictObject({
          interval: durationFromOneMs.optional(),
          probes: uint32.optional(),
          time: durationFromOneMs.optional(),
        })
        .optional(),
    })
    .optional(),
})

const outlierDetection = z.strictObject({
  baseEjectionTime: durationFromOneMs.optional(),
  consecutive5xxErrors: uint32.optional(),
  consecutiveErrors: nonNegativeInt32.optional(),
  consecutiveGatewayErrors: uint32.optional(),
  consecutiveLocalOriginFailures: uint32.optional(),
  interval: durationFromOneMs.optional(),
  maxEjectionPercent: wholePercent.optional(),
  minHealthPercent: wholePercent.optional(),
  outlierDetectionHttpErrorCodes: z.array(z.string()).optional(),
  splitExternalLocalOriginErrors: z.boolean().optional(),
})

const clientTls = z.strictObject({
  caCertificates: z.string().optional(),
  caCrl: z.string().optional(),
  clientCertificate: z.string().optional(),
  credentialName: z.string().optional(),
  insecureSkipVerify: z.boolean().optional(),
  mode: z.enum(["DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL"]).optional(),
  privateKey: z.string().optional(),
  sni: z.string().optional(),
  subjectAltNames: z.array(z.string()).optional(),
})

/** The four that a port can set for itself. */
const perPort = {
  connectionPool: connectionPool.optional(),
  loadBalancer: loadBalancer.optional(),
  outlierDetection: outlierDetection.optional(),
  tls: clientTls.optional(),
}

export const trafficPolicy = z.strictObject({
  ...perPort,
  portLevelSettings: z
    .array(z.strictObject({ ...perPort, port: z.strictObject({ number: portNumber.optional() }).optional() }))
    .optional(),
  proxyProtocol: z.strictObject({ version: z.enum(["V1", "V2"]).optional() }).optional(),
  retryBudget: z
    .strictObject({ minRetryConcurrency: uint32.optional(), percent: z.number().gte(0).lte(100).optional() })
    .optional(),
  tunnel: z
    .strictObject({ protocol: z.enum(["CONNECT", "POST"]).optional(), targetHost: hostName, targetPort: portNumber })
    .optional(),
})

export const destinationRuleSpec = z.strictObject({
  exportTo: exportTo.optional(),
  host: wildcardHost,
  subsets: z
    .array(z.strictObject({ labels: labels.optional(), name: dnsLabel, trafficPolicy: trafficPolicy.optional() }))
    .optional(),
  trafficPolicy: trafficPolicy.optional(),
  workloadSelector: z.strictObject({ matchLabels: labels.optional() }).optional(),
})
