/**
 * Istio `VirtualService`: every field of istio/api networking/v1alpha3/virtual_service.proto
 * (Istio semantics sheet 2.4, 3, 8). What combinations of fields mean is in validate-virtual-service.ts.
 */
import { z } from "zod"
import { atMostOne, exactlyOne, fieldProblem, refine, text } from "../field-problem.ts"
import {
  authority,
  base64,
  dnsLabel,
  durationFromOneMs,
  durationOrZero,
  exportTo,
  headerName,
  headerValue,
  int32,
  integerBetween,
  ipSubnet,
  labels,
  matchedHeaderName,
  nonEmpty,
  nonNegativeInt32,
  percent,
  portNumber,
  printable,
  regex,
  wholePercent,
  wildcardHost,
} from "./field-values.ts"
import { presenceMatch, stringMatch, uriMatch } from "./string-match.ts"

/** Methods Istio's CORS validation accepts (sheet 13). */
const corsMethods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE", "*"]

const destination = z.strictObject({
  host: wildcardHost,
  port: z.strictObject({ number: portNumber.optional() }).optional(),
  subset: dnsLabel.optional(),
})

/** `host` and `:authority` are the only pseudo-header that can be written, and only on requests (sheet 3.10 (5)). */
const writtenRequestHeader = text((value) =>
  value.toLowerCase() === ":authority" || headerName.safeParse(value).success
    ? null
    : fieldProblem("P2012", `\`${printable(value)}\` is not a header name that can be written`),
)
const plainHeader = text((value) => {
  if (/^(?::authority|host)$/i.test(value)) return fieldProblem("P2012", "the Host header cannot be changed here")
  return headerName.safeParse(value).success
    ? null
    : fieldProblem("P2012", `\`${printable(value)}\` is not a header name that can be changed`)
})

const headerOperations = z.strictObject({
  request: z
    .strictObject({
      add: z.record(writtenRequestHeader, headerValue).optional(),
      remove: z.array(plainHeader).optional(),
      set: z.record(writtenRequestHeader, headerValue).optional(),
    })
    .optional(),
  response: z
    .strictObject({
      add: z.record(plainHeader, headerValue).optional(),
      remove: z.array(plainHeader).optional(),
      set: z.record(plainHeader, headerValue).optional(),
    })
    .optional(),
})

const httpRouteDestination = z.strictObject({
  destination,
  headers: headerOperations.optional(),
  weight: nonNegativeInt32.optional(),
})

const l4RouteDestination = z.strictObject({
  destination,
  weight: nonNegativeInt32.optional(),
})

const httpMatch = z.strictObject({
  authority: stringMatch.optional(),
  gateways: z.array(nonEmpty).optional(),
  headers: z.record(matchedHeaderName, presenceMatch).optional(),
  ignoreUriCase: z.boolean().optional(),
  method: stringMatch.optional(),
  name: z.string().optional(),
  port: portNumber.optional(),
  queryParams: z.record(nonEmpty, presenceMatch).optional(),
  scheme: stringMatch.optional(),
  sourceLabels: labels.optional(),
  sourceNamespace: z.string().optional(),
  statPrefix: z.string().optional(),
  uri: uriMatch.optional(),
  withoutHeaders: z.record(matchedHeaderName, presenceMatch).optional(),
})

const corsPolicy = z.strictObject({
  allowCredentials: z.boolean().optional(),
  allowHeaders: z.array(corsHeader()).optional(),
  allowMethods: z
    .array(
      text((value) =>
        corsMethods.includes(value)
          ? null
          : fieldProblem("P2004", `unknown method \`${printable(value)}\``, `one of ${corsMethods.join(" ")}`),
      ),
    )
    .optional(),
  allowOrigin: z.array(z.string()).optional(),
  allowOrigins: z.array(stringMatch).optional(),
  exposeHeaders: z.array(corsHeader()).optional(),
  maxAge: durationOrZero.optional(),
  unmatchedPreflights: z.enum(["UNSPECIFIED", "FORWARD", "IGNORE"]).optional(),
})

const fault = z.strictObject({
  abort: z
    .strictObject({
      grpcStatus: nonEmpty.optional(),
      http2Error: z.string().optional(),
      httpStatus: integerBetween(200, 599, "an abort's status is from 200 to 599").optional(),
      percentage: percent.optional(),
    })
    .superRefine(refine(exactlyOne("grpcStatus", "http2Error", "httpStatus")))
    .optional(),
  delay: z
    .strictObject({
      exponentialDelay: durationFromOneMs.optional(),
      fixedDelay: durationFromOneMs.optional(),
      percent: wholePercent.optional(),
      percentage: percent.optional(),
    })
    .superRefine(refine(exactlyOne("exponentialDelay", "fixedDelay")))
    .optional(),
})

const redirect = z
  .strictObject({
    authority: authority.optional(),
    derivePort: z.enum(["FROM_PROTOCOL_DEFAULT", "FROM_REQUEST_PORT"]).optional(),
    port: portNumber.optional(),
    prefixRewrite: locationText().optional(),
    redirectCode: int32.optional(),
    scheme: z.enum(["http", "https"]).optional(),
    uri: locationText().optional(),
  })
  .superRefine(refine(atMostOne("port", "derivePort"), atMostOne("uri", "prefixRewrite")))

const directResponse = z.strictObject({
  body: z
    .strictObject({ bytes: base64.optional(), string: z.string().optional() })
    .superRefine(refine(exactlyOne("bytes", "string")))
    .optional(),
  // Istio's validation stops at 600, but Envoy refuses 600 itself.
  status: integerBetween(200, 599, "a direct response's status is from 200 to 599"),
})

const rewrite = z
  .strictObject({
    authority: authority.optional(),
    uri: locationText().optional(),
    uriRegexRewrite: z.strictObject({ match: regex.optional(), rewrite: z.string().optional() }).optional(),
  })
  .superRefine(refine(atMostOne("uri", "uriRegexRewrite")))

const retries = z.strictObject({
  attempts: integerBetween(0, 2_147_483_647, "attempts cannot be negative").optional(),
  backoff: durationFromOneMs.optional(),
  perTryTimeout: durationOrZero.optional(),
  retryIgnorePreviousHosts: z.boolean().optional(),
  retryOn: z.string().optional(),
  retryRemoteLocalities: z.boolean().optional(),
})

export const httpRoute = z.strictObject({
  corsPolicy: corsPolicy.optional(),
  delegate: z.strictObject({ name: z.string().optional(), namespace: z.string().optional() }).optional(),
  directResponse: directResponse.optional(),
  fault: fault.optional(),
  headers: headerOperations.optional(),
  match: z.array(httpMatch).optional(),
  mirror: destination.optional(),
  mirrorPercent: wholePercent.optional(),
  mirror_percent: wholePercent.optional(),
  mirrorPercentage: percent.optional(),
  mirrors: z.array(z.strictObject({ destination, percentage: percent.optional() })).optional(),
  name: z.string().optional(),
  redirect: redirect.optional(),
  retries: retries.optional(),
  rewrite: rewrite.optional(),
  route: z.array(httpRouteDestination).optional(),
  timeout: durationOrZero.optional(),
})

const l4Match = {
  destinationSubnets: z.array(ipSubnet).optional(),
  gateways: z.array(nonEmpty).optional(),
  port: portNumber.optional(),
  sourceLabels: labels.optional(),
  sourceNamespace: z.string().optional(),
}

export const tcpRoute = z.strictObject({
  match: z.array(z.strictObject({ ...l4Match, sourceSubnet: ipSubnet.optional() })).optional(),
  route: z.array(l4RouteDestination).optional(),
})

export const tlsRoute = z.strictObject({
  match: z.array(z.strictObject({ ...l4Match, sniHosts: z.array(wildcardHost) })),
  route: z.array(l4RouteDestination).optional(),
})

export const virtualServiceSpec = z.strictObject({
  exportTo: exportTo.optional(),
  gateways: z.array(nonEmpty).optional(),
  hosts: z.array(wildcardHost).optional(),
  http: z.array(httpRoute).optional(),
  tcp: z.array(tcpRoute).optional(),
  tls: z.array(tlsRoute).optional(),
})

function corsHeader() {
  return text((value) =>
    value === "*" || headerName.safeParse(value).success
      ? null
      : fieldProblem("P2012", `\`${printable(value)}\` is not a header name`),
  )
}

/** Text that ends up in a request line or a `location` header. */
function locationText() {
  return text((value) =>
    /[\u0000-\u0020\u007f]/.test(value)
      ? fieldProblem("P2012", "this cannot contain spaces or control characters", "percent-encode them: %20")
      : null,
  )
}
