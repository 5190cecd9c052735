/** Routes in words: conditions that held, and the policies of a forwarding rule. */
import {
  type FaultPolicy,
  type ForwardAction,
  type HeaderEdits,
  type PathMatch,
  type Predicate,
  RetryOn,
  type RetryPolicy,
  type Route,
  type RouteMatch,
  type SourceLocation,
  type StringMatcher,
} from "../compile/snapshot.ts"
import type { TemplatePart, ValueTemplate } from "../telemetry/value-template.ts"
import type { ForwardPolicies, RuleIdentity } from "./explanation.ts"

const partsPerMillion = 1_000_000

/** Envoy's names of the retry conditions, in the order in which Istio writes its default. */
const retryConditions: readonly (readonly [number, string])[] = [
  [RetryOn.serverError, "5xx"],
  [RetryOn.gatewayError, "gateway-error"],
  [RetryOn.reset, "reset"],
  [RetryOn.resetBeforeRequest, "reset-before-request"],
  [RetryOn.connectFailure, "connect-failure"],
  [RetryOn.retriable4xx, "retriable-4xx"],
  [RetryOn.refusedStream, "refused-stream"],
  [RetryOn.retriableHeaders, "retriable-headers"],
  [RetryOn.envoyRatelimited, "envoy-ratelimited"],
  [RetryOn.http3PostConnectFailure, "http3-post-connect-failure"],
  [RetryOn.grpcUnavailable, "unavailable"],
  [RetryOn.grpcCancelled, "cancelled"],
  [RetryOn.grpcDeadlineExceeded, "deadline-exceeded"],
  [RetryOn.grpcInternal, "internal"],
  [RetryOn.grpcResourceExhausted, "resource-exhausted"],
  [RetryOn.statusCodes, "retriable-status-codes"],
]

/** Envoy's `retry_on`: the names joined with commas. */
export function retryOnText(retryOn: number): string {
  return retryConditions
    .filter(([bit]) => (retryOn & bit) !== 0)
    .map(([, name]) => name)
    .join(",")
}

export function identify(route: Route): RuleIdentity {
  return {
    index: route.index,
    name: route.name,
    virtualService: `${route.virtualService.namespace}/${route.virtualService.name}`,
    location: locationText(route.location),
  }
}

export function locationText({ file, line, column }: SourceLocation): string {
  return `${file}:${line}:${column}`
}

export function describeMatch(match: RouteMatch): string {
  const conditions = match.predicates.map(describePredicate)
  if (match.path.kind !== "any" || conditions.length === 0) conditions.unshift(describePath(match.path))
  return conditions.join(", ")
}

function describePath(path: PathMatch): string {
  const ignoresCase = "ignoreCase" in path && path.ignoreCase ? " (case ignored)" : ""
  switch (path.kind) {
    case "any":
      return "every request"
    case "exact":
      return `path is ${quoted(path.value)}${ignoresCase}`
    case "prefix":
      return `path starts with ${quoted(path.value)}${ignoresCase}`
    case "regex":
      return `path matches regex ${quoted(path.regex.source)}`
  }
}

function describePredicate(predicate: Predicate): string {
  switch (predicate.kind) {
    case "method":
    case "authority":
    case "scheme":
      return `${predicate.kind} ${describeMatcher(predicate.matcher)}`
    case "header":
      return `${predicate.invert ? "not: " : ""}header ${predicate.name} ${describeMatcher(predicate.matcher)}`
    case "query":
      return `query parameter ${predicate.name} ${describeMatcher(predicate.matcher)}`
  }
}

function describeMatcher(matcher: StringMatcher): string {
  switch (matcher.kind) {
    case "present":
      return "is present"
    case "exact":
      return `is ${quoted(matcher.value)}`
    case "prefix":
      return `starts with ${quoted(matcher.value)}`
    case "regex":
      return `matches regex ${quoted(matcher.regex.source)}`
  }
}

/** @param timeoutMs the one in force for this request */
export function describePolicies(action: ForwardAction, timeoutMs: number): ForwardPolicies {
  return {
    timeoutMs,
    retries: describeRetries(action.retry),
    fault: action.fault === null ? "" : describeFault(action.fault),
    mirrors: action.mirrors.map(({ clusterName, ppm }) => `${percent(ppm)} copied to ${clusterName}`),
    hasCorsPolicy: action.cors !== null,
  }
}

function describeRetries(retry: RetryPolicy | null): string {
  if (retry === null) return "none"
  const perTry = retry.perTryTimeoutMs > 0 ? `, ${retry.perTryTimeoutMs} ms per try` : ""
  const codes = retry.statusCodes.length > 0 ? ` (${retry.statusCodes.join(",")})` : ""
  return `${retry.attempts} on ${retryOnText(retry.retryOn)}${codes}${perTry}`
}

function describeFault(fault: FaultPolicy): string {
  const parts: string[] = []
  if (fault.delayPpm > 0) parts.push(`${percent(fault.delayPpm)} delayed by ${fault.delayMs} ms`)
  if (fault.abortPpm > 0) {
    const answer = fault.abortGrpcStatus >= 0 ? `gRPC status ${fault.abortGrpcStatus}` : `status ${fault.abortStatus}`
    parts.push(`${percent(fault.abortPpm)} aborted with ${answer}`)
  }
  return parts.join(", ")
}

/** In the order they are applied. */
export function describeEdits(edits: HeaderEdits | null): readonly string[] {
  if (edits === null) return []
  return [
    ...edits.remove.map((name) => `remove ${name}`),
    ...edits.set.map(({ name, value }) => `set ${name}: ${templateText(value)}`),
    ...edits.add.map(({ name, value }) => `add ${name}: ${templateText(value)}`),
  ]
}

/** As the user wrote it. */
export function templateText(template: ValueTemplate): string {
  return template.parts
    .map((part) => (part.kind === "literal" ? part.text.replaceAll("%", "%%") : operatorText(part)))
    .join("")
}

function operatorText({ name, argument, lengthMax }: Extract<TemplatePart, { kind: "operator" }>): string {
  return `%${name}${argument === "" ? "" : `(${argument})`}${lengthMax === 0 ? "" : `:${lengthMax}`}%`
}

export function percent(ppm: number): string {
  return `${Number(((ppm / partsPerMillion) * 100).toFixed(4))} %`
}

function quoted(text: string): string {
  return JSON.stringify(text)
}
