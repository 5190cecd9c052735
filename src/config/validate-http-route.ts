/**
 * What the schema cannot say about one http rule: which fields exclude or need each other (Istio semantics sheet 3, 13).
 * Source: istio/istio pkg/config/validation/virtualservice.go, route.go.
 */
import { RE2JS } from "re2js"
import type { z } from "zod"
import { compileOperator } from "../telemetry/access-log-operators.ts"
import { parseValueTemplate } from "../telemetry/value-template.ts"
import { parseDurationMs } from "./duration.ts"
import type { Findings } from "./findings.ts"
import { authority, printable } from "./schemas/field-values.ts"
import type { httpRoute } from "./schemas/virtual-service.ts"
import type { FieldPath } from "./span-tree.ts"
import { nearestWord } from "./suggest.ts"
import { validateMatches } from "./validate-http-match.ts"

export type HttpRule = z.output<typeof httpRoute>

export interface RuleContext {
  readonly isDelegate: boolean
  readonly boundToGateway: boolean
}

/** 0 is 301. Istio lets all of 300 to 399 pass and then makes no action of the others. */
const redirectCodes = [0, 301, 302, 303, 307, 308]

const retryConditions = [
  "5xx",
  "gateway-error",
  "reset",
  "reset-before-request",
  "connect-failure",
  "retriable-4xx",
  "refused-stream",
  "retriable-status-codes",
  "retriable-headers",
  "envoy-ratelimited",
  "http3-post-connect-failure",
  "cancelled",
  "deadline-exceeded",
  "internal",
  "resource-exhausted",
  "unavailable",
]

/** In the API, and carried out by no version of Istio (Istio semantics sheet 3.7). */
const faultsOfNobody = [
  ["abort", "http2Error"],
  ["delay", "exponentialDelay"],
] as const

const bodyBytesMax = 1024 * 1024
const bodyBytesLarge = 100 * 1024

export function validateHttpRoute(rule: HttpRule, path: FieldPath, context: RuleContext, findings: Findings): void {
  validateAction(rule, path, context, findings)
  validateMatches(rule, path, context, findings)
  validateRedirect(rule, [...path, "redirect"], findings)
  validateRewrite(rule, path, findings)
  validateRetries(rule, [...path, "retries"], findings)
  validateCors(rule, [...path, "corsPolicy"], findings)
  validateDirectResponse(rule, [...path, "directResponse"], findings)
  validateFault(rule, [...path, "fault"], findings)
  validateHeaderValues(rule.headers, [...path, "headers"], findings)
  const destinations = rule.route ?? []
  validateWeights(destinations, [...path, "route"], findings)
  for (const [index, destination] of destinations.entries()) {
    validateHeaderValues(destination.headers, [...path, "route", index, "headers"], findings)
  }
  for (const field of ["mirrorPercent", "mirror_percent"] as const) {
    if (rule[field] === undefined) continue
    const hint = "use `mirrorPercentage: {value: …}`"
    findings.warning("P2253", [...path, field], `${field} is deprecated`, hint, "key")
  }
}

/** One destination's weight is ignored, also 0; several must sum to more than nothing (sheet 3.1 (5)). */
export function validateWeights(
  destinations: readonly { readonly weight?: number | undefined }[],
  path: FieldPath,
  findings: Findings,
): void {
  if (destinations.length < 2) return
  const sum = destinations.reduce((total, destination) => total + (destination.weight ?? 0), 0)
  if (sum === 0) {
    const message = "the weights of several destinations cannot all be 0 or missing"
    findings.error("P2214", path, message, "give each destination a `weight`", "key")
  }
}

/** Exactly one of route, redirect, directResponse, delegate, and what each excludes. */
function validateAction(rule: HttpRule, path: FieldPath, context: RuleContext, findings: Findings): void {
  const hasRoute = (rule.route ?? []).length > 0
  const actions = [
    ["route", hasRoute],
    ["redirect", rule.redirect !== undefined],
    ["directResponse", rule.directResponse !== undefined],
    ["delegate", rule.delegate !== undefined],
  ] as const
  const given = actions.filter(([, isGiven]) => isGiven).map(([field]) => field)
  if (given.length === 0) {
    findings.error("P2205", path, "a rule needs route, redirect, directResponse or delegate")
  } else if (given.length > 1) {
    findings.error("P2206", [...path, given[1] ?? ""], `a rule has one action, not ${given.join(" and ")}`, "", "key")
  }
  const local = rule.redirect !== undefined ? "redirect" : rule.directResponse !== undefined ? "directResponse" : null
  if (local !== null) {
    for (const field of ["fault", "rewrite"] as const) {
      if (rule[field] === undefined) continue
      findings.error("P2206", [...path, field], `\`${field}\` and \`${local}\` exclude each other`, "", "key")
    }
  }
  if (rule.mirror !== undefined && (rule.mirrors ?? []).length > 0) {
    findings.error("P2206", [...path, "mirrors"], "`mirror` and `mirrors` exclude each other", "keep mirrors", "key")
  }
  if (rule.delegate !== undefined) {
    if (context.isDelegate) {
      const message = "a delegate cannot delegate again"
      findings.error("P2223", [...path, "delegate"], message, "", "key")
    }
    if ((rule.delegate.name ?? "") === "") {
      findings.error("P2223", [...path, "delegate"], "a delegate needs a `name`", "", "key")
    }
  }
}

function validateRedirect(rule: HttpRule, path: FieldPath, findings: Findings): void {
  const { redirect } = rule
  if (redirect === undefined) return
  const { uri, prefixRewrite, authority, port, derivePort, scheme } = redirect
  if ([uri, prefixRewrite, authority, port, derivePort, scheme].every((field) => field === undefined || field === "")) {
    const message = "a redirect must change something"
    findings.error("P2207", path, message, "set uri, prefixRewrite, authority, port or scheme", "key")
  }
  if (redirect.redirectCode !== undefined && !redirectCodes.includes(redirect.redirectCode)) {
    const message = `${redirect.redirectCode} is not a redirect status`
    findings.error("P2208", [...path, "redirectCode"], message, "one of 301, 302, 303, 307, 308")
  }
  if (prefixRewrite === undefined) return
  if ((rule.match ?? []).some((match) => match.uri !== undefined && match.uri.prefix === undefined)) {
    const message = "prefixRewrite needs every match of the rule to match a uri prefix"
    findings.error("P2209", [...path, "prefixRewrite"], message, "use `uri` to replace the whole path", "key")
  }
}

function validateRewrite(rule: HttpRule, path: FieldPath, findings: Findings): void {
  const { rewrite } = rule
  if (rewrite === undefined) return
  const at = [...path, "rewrite"]
  const regexRewrite = rewrite.uriRegexRewrite
  if ((rewrite.uri ?? "") === "" && (rewrite.authority ?? "") === "" && regexRewrite === undefined) {
    findings.error("P2210", at, "a rewrite needs uri, uriRegexRewrite or authority", "", "key")
  }
  if (regexRewrite !== undefined) {
    const { match, rewrite: substitution } = regexRewrite
    if (match === undefined || substitution === undefined || substitution === "") {
      findings.error("P2210", [...at, "uriRegexRewrite"], "uriRegexRewrite needs `match` and `rewrite`", "", "key")
    } else {
      const groups = RE2JS.compile(match).groupCount()
      const problem = substitutionProblem(substitution, groups)
      if (problem !== null) findings.error("P2211", [...at, "uriRegexRewrite", "rewrite"], problem)
    }
  }
  const writtenHost = [
    ...Object.keys(rule.headers?.request?.set ?? {}),
    ...Object.keys(rule.headers?.request?.add ?? {}),
  ]
  if (rewrite.authority !== undefined && writtenHost.some(isAuthorityName)) {
    const message = "the authority is rewritten here and in headers.request"
    findings.error("P2218", [...at, "authority"], message, "keep one of the two")
  }
}

/** RE2's substitution text: `\0` to `\9` are groups, `\\` is a backslash, anything else after one is an error. */
function substitutionProblem(substitution: string, groupCount: number): string | null {
  for (const [reference, digit] of substitution.matchAll(/\\([\s\S]?)/g)) {
    if (digit === "\\") continue
    if (digit === undefined || !/^\d$/.test(digit)) {
      return `\`${reference}\` is not a group: write \\1 to \\9, and \\\\ for a backslash`
    }
    if (Number(digit) > groupCount) return `\`${reference}\`: the expression has only ${groupCount} groups`
  }
  return null
}

function validateRetries(rule: HttpRule, path: FieldPath, findings: Findings): void {
  const { retries } = rule
  if (retries === undefined) return
  if ((retries.attempts ?? 0) === 0) {
    for (const [field, value] of Object.entries(retries)) {
      if (field === "attempts" || value === undefined) continue
      const message = `\`${field}\` has no meaning while attempts is 0`
      findings.error("P2212", [...path, field], message, "set attempts, or remove the field", "key")
    }
  }
  for (const part of (retries.retryOn ?? "").split(",")) {
    const word = part.trim()
    if (word === "" || retryConditions.includes(word)) continue
    if (/^\d+$/.test(word) && Number(word) >= 100 && Number(word) <= 599) continue
    const near = nearestWord(word, retryConditions)
    const hint = near === null ? `one of ${retryConditions.join(", ")}, or a status code` : `did you mean "${near}"?`
    findings.error("P2213", [...path, "retryOn"], `unknown retry condition \`${word}\``, hint)
  }
}

function validateCors(rule: HttpRule, path: FieldPath, findings: Findings): void {
  const { corsPolicy } = rule
  if (corsPolicy === undefined) return
  const maxAgeMs = parseDurationMs(corsPolicy.maxAge ?? "0s") ?? 0
  if (maxAgeMs % 1000 !== 0) {
    findings.error("P2215", [...path, "maxAge"], "maxAge is sent in whole seconds", "write it without fractions")
  }
  if (corsPolicy.allowOrigin !== undefined) {
    const hint = "use `allowOrigins: [{exact: …}]`"
    findings.warning("P2253", [...path, "allowOrigin"], "allowOrigin is deprecated", hint, "key")
  }
}

function validateDirectResponse(rule: HttpRule, path: FieldPath, findings: Findings): void {
  const body = rule.directResponse?.body
  if (body === undefined) return
  const bytes =
    body.string === undefined ? Math.floor(((body.bytes ?? "").length * 3) / 4) : Buffer.byteLength(body.string)
  if (bytes > bodyBytesMax) {
    findings.error("P2216", [...path, "body"], "a direct response's body cannot be larger than 1 MB", "", "key")
  } else if (bytes > bodyBytesLarge) {
    findings.warning("P2217", [...path, "body"], "a direct response's body over 100 kB is kept in memory", "", "key")
  }
}

function validateFault(rule: HttpRule, path: FieldPath, findings: Findings): void {
  const { fault } = rule
  if (fault === undefined) return
  if (fault.abort === undefined && fault.delay === undefined) {
    findings.error("P2219", path, "a fault needs `abort` or `delay`", "", "key")
  }
  for (const [kind, field] of faultsOfNobody) {
    if (Object.entries(fault[kind] ?? {}).every(([name, value]) => name !== field || value === undefined)) continue
    findings.warning(
      "P2258",
      [...path, kind, field],
      `no version of Istio acts on \`${field}\`: it has no effect`,
      "",
      "key",
    )
  }
  if (fault.delay?.percent !== undefined) {
    const hint = "use `percentage: {value: …}`"
    findings.warning("P2253", [...path, "delay", "percent"], "percent is deprecated", hint, "key")
  }
}

function validateHeaderValues(headers: HttpRule["headers"], path: FieldPath, findings: Findings): void {
  for (const side of ["request", "response"] as const) {
    for (const operation of ["set", "add"] as const) {
      for (const [name, value] of Object.entries(headers?.[side]?.[operation] ?? {})) {
        if (side === "request" && isAuthorityName(name) && value !== "" && !authority.safeParse(value).success) {
          const message = `\`${printable(value)}\` is not a host with an optional port`
          findings.error("P2008", [...path, side, operation, name], message)
        }
        const problem = templateProblem(value)
        if (problem !== null) {
          findings.error("P2224", [...path, side, operation, name], problem, "write %% for a percent sign")
        }
      }
    }
  }
}

/** Names that mean the request's authority, not a header (Istio semantics sheet 3.10 (5)). */
function isAuthorityName(name: string): boolean {
  return /^(?:host|:authority)$/i.test(name)
}

/** What is wrong with the operators in a value, as whoever renders it will read them (Istio semantics sheet 3.10 (6)). */
function templateProblem(value: string): string | null {
  const template = parseValueTemplate(value)
  if ("error" in template) return template.error
  for (const part of template.parts) {
    if (part.kind !== "operator") continue
    const read = compileOperator(part.name, part.argument)
    if (typeof read !== "function") return read.error
  }
  return null
}
