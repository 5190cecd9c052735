/** What a rule does, as Envoy's `RouteAction`, `RedirectAction` and per-filter configuration (Istio semantics sheet 10). */
import {
  type CorsPolicy,
  type FaultPolicy,
  type ForwardAction,
  type HeaderEdits,
  type PathMatch,
  type PathRewrite,
  type RedirectAction,
  RetryOn,
  type RetryPolicy,
  type Route,
  type WeightedCluster,
} from "../compile/snapshot.ts"
import { retryOnText, templateText } from "../explain/describe-route.ts"
import { durationText, fractionalPercent, type JsonObject, message } from "./json-value.ts"
import { stringMatcherJson } from "./route-match-json.ts"

const redirectCodes: Readonly<Record<RedirectAction["status"], string>> = Object.freeze({
  301: "",
  302: "FOUND",
  303: "SEE_OTHER",
  307: "TEMPORARY_REDIRECT",
  308: "PERMANENT_REDIRECT",
})

/** Envoy's default; Istio sends an interval only where it is another. */
const backoffBaseMsDefault = 25

/** `{ route }`, `{ redirect }` or `{ directResponse }`. */
export function actionJson({ action, match }: Route): JsonObject {
  switch (action.kind) {
    case "forward":
      return { route: forwardJson(action, match.path) }
    case "redirect":
      return { redirect: redirectJson(action) }
    case "direct-response": {
      const inlineString = Buffer.from(action.body).toString("utf8")
      return { directResponse: message({ status: action.status, body: message({ inlineString }) }) }
    }
  }
}

function forwardJson(action: ForwardAction, path: PathMatch): JsonObject {
  const [only, ...others] = action.destinations.entries
  const target =
    only === undefined || others.length > 0
      ? { weightedClusters: { clusters: action.destinations.entries.map(weightedClusterJson) } }
      : { cluster: only.clusterName }
  return message({
    ...target,
    ...(action.pathRewrite === null ? {} : rewriteJson(action.pathRewrite, path)),
    hostRewriteLiteral: action.hostRewrite ?? "",
    timeout: durationText(action.timeoutMs),
    retryPolicy: action.retry === null ? null : retryJson(action.retry),
    requestMirrorPolicies: action.mirrors.map(({ clusterName, ppm }) => ({
      cluster: clusterName,
      runtimeFraction: { defaultValue: fractionalPercent(ppm) },
    })),
    maxGrpcTimeout: durationText(action.timeoutMs),
  })
}

function weightedClusterJson({ clusterName, weight, hostRewrite, ...edits }: WeightedCluster): JsonObject {
  return message({
    name: clusterName,
    weight,
    ...headerEditsJson(edits.requestEdits, edits.responseEdits),
    hostRewriteLiteral: hostRewrite ?? "",
  })
}

function rewriteJson(rewrite: PathRewrite, path: PathMatch): JsonObject {
  switch (rewrite.kind) {
    case "prefix":
      return { prefixRewrite: rewrite.replacement }
    case "full":
      // Of an exact match the prefix is the whole path; of a regex Envoy has to be told.
      return path.kind === "exact"
        ? { prefixRewrite: rewrite.replacement }
        : { regexRewrite: { pattern: { regex: "^.*$" }, substitution: rewrite.replacement.replaceAll("\\", "\\\\") } }
    case "regex":
      return { regexRewrite: { pattern: { regex: rewrite.regex.source }, substitution: rewrite.substitution } }
  }
}

function retryJson(retry: RetryPolicy): JsonObject {
  const previousHosts = {
    name: "envoy.retry_host_predicates.previous_hosts",
    typedConfig: {
      "@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
    },
  }
  return message({
    retryOn: retryOnText(retry.retryOn),
    numRetries: retry.attempts,
    perTryTimeout: retry.perTryTimeoutMs > 0 ? durationText(retry.perTryTimeoutMs) : "",
    retryHostPredicate: retry.avoidPreviousHosts ? [previousHosts] : [],
    hostSelectionRetryMaxAttempts: retry.avoidPreviousHosts ? "5" : "",
    retriableStatusCodes: (retry.retryOn & RetryOn.statusCodes) === 0 ? [] : retry.statusCodes,
    retryBackOff:
      retry.backoffBaseMs === backoffBaseMsDefault
        ? null
        : { baseInterval: durationText(retry.backoffBaseMs), maxInterval: durationText(retry.backoffMaxMs) },
  })
}

function redirectJson(redirect: RedirectAction): JsonObject {
  return message({
    hostRedirect: redirect.authority ?? "",
    pathRedirect: redirect.path ?? "",
    prefixRewrite: redirect.prefixRewrite ?? "",
    portRedirect: redirect.port,
    schemeRedirect: redirect.scheme ?? "",
    responseCode: redirectCodes[redirect.status],
  })
}

/** The four header fields that routes and weighted clusters share. */
export function headerEditsJson(request: HeaderEdits | null, response: HeaderEdits | null): JsonObject {
  return message({
    requestHeadersToAdd: headersToAdd(request),
    requestHeadersToRemove: request?.remove ?? [],
    responseHeadersToAdd: headersToAdd(response),
    responseHeadersToRemove: response?.remove ?? [],
  })
}

function headersToAdd(edits: HeaderEdits | null): readonly JsonObject[] {
  if (edits === null) return []
  return [
    ...edits.set.map(({ name, value }) => ({
      header: { key: name, value: templateText(value) },
      appendAction: "OVERWRITE_IF_EXISTS_OR_ADD",
    })),
    ...edits.add.map(({ name, value }) => ({ header: { key: name, value: templateText(value) } })),
  ]
}

/** `typedPerFilterConfig` of faults and CORS. */
export function perFilterJson({ action }: Route): JsonObject {
  if (action.kind !== "forward") return {}
  return message({
    "envoy.filters.http.fault": action.fault === null ? null : faultJson(action.fault),
    "envoy.filters.http.cors": action.cors === null ? null : corsJson(action.cors),
  })
}

function faultJson(fault: FaultPolicy): JsonObject {
  const status = fault.abortGrpcStatus >= 0 ? { grpcStatus: fault.abortGrpcStatus } : { httpStatus: fault.abortStatus }
  return message({
    "@type": "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault",
    delay:
      fault.delayPpm === 0
        ? null
        : { fixedDelay: durationText(fault.delayMs), percentage: fractionalPercent(fault.delayPpm) },
    abort: fault.abortPpm === 0 ? null : { ...status, percentage: fractionalPercent(fault.abortPpm) },
  })
}

function corsJson(cors: CorsPolicy): JsonObject {
  return message({
    "@type": "type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy",
    allowMethods: cors.allowMethods,
    allowHeaders: cors.allowHeaders,
    exposeHeaders: cors.exposeHeaders,
    maxAge: cors.maxAgeSeconds < 0 ? "" : String(cors.maxAgeSeconds),
    allowCredentials: cors.allowCredentials ? true : null,
    allowOriginStringMatch: cors.allowOrigins.map(stringMatcherJson),
    forwardNotMatchingPreflights: !cors.answerUnmatchedPreflights,
  })
}
