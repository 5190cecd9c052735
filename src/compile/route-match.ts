/**
 * One match block of a rule: its static conditions decided for one server, the rest translated
 * (Istio semantics sheet 2.3, 2.4).
 * Source: Istio `pilot/pkg/networking/core/route/route.go` (`translateRoute`, `TranslateRouteMatch`, `sourceMatchHTTP`).
 */
import { toByteString } from "../route/byte-string.ts"
import type { HttpMatch, StringMatch } from "./api-types.ts"
import type { EffectiveRule } from "./delegates.ts"
import { resolveGatewayName } from "./names.ts"
import type { RegexCompiler } from "./regex-compiler.ts"
import type { FieldPath, Report } from "./report.ts"
import type { PathMatch, Predicate, RouteMatch, StringMatcher } from "./snapshot.ts"

/** What the static conditions of a match block look at. */
export interface ServerView {
  /** `NAMESPACE/NAME`. */
  readonly gatewayName: string
  readonly gatewayNamespace: string
  /** Labels of the workload that the gateway is. */
  readonly workloadLabels: Readonly<Record<string, string>>
  readonly declaredPort: number
}

/** The match of a rule without blocks. */
export const matchEverything: RouteMatch = Object.freeze({
  path: Object.freeze({ kind: "any" }),
  predicates: Object.freeze([]),
})

/** Header names that are claims of a validated token (sheet 2.4, header details 6). */
const claimPrefix = "@request.auth.claims"

/**
 * Whether a block exists at all on this server: `port`, then `gateways`, and only without those the source conditions.
 * @param namespace where gateway names without one belong.
 */
export function holdsStatically(match: HttpMatch, namespace: string, server: ServerView): boolean {
  if (match.port !== undefined && match.port !== 0 && match.port !== server.declaredPort) return false
  if (match.gateways !== undefined && match.gateways.length > 0) {
    return match.gateways.some((name) => resolveGatewayName(name, namespace) === server.gatewayName)
  }
  for (const [label, value] of Object.entries(match.sourceLabels ?? {})) {
    if (!Object.hasOwn(server.workloadLabels, label) || server.workloadLabels[label] !== value) return false
  }
  const sourceNamespace = match.sourceNamespace ?? ""
  return sourceNamespace === "" || sourceNamespace === server.gatewayNamespace
}

/** Translates match blocks; what cannot be translated is reported. */
export class MatchTranslator {
  readonly #regexes: RegexCompiler
  readonly #report: Report

  constructor(regexes: RegexCompiler, report: Report) {
    this.#regexes = regexes
    this.#report = report
  }

  /** @returns null when the block can never hold. */
  translate(match: HttpMatch, rule: EffectiveRule, matchIndex: number): RouteMatch | null {
    const path = (...field: readonly string[]): FieldPath => rule.source.path("match", matchIndex, ...field)
    const pathMatch = this.#pathMatch(match, rule, path("uri"))
    if (pathMatch === null) return null

    const predicates: Predicate[] = []
    for (const kind of ["method", "authority", "scheme"] as const) {
      const written = match[kind]
      if (written === undefined) continue
      const matcher = this.#matcher(written, rule, path(kind))
      if (matcher === null) return null
      predicates.push({ kind, matcher })
    }
    for (const [written, value] of Object.entries(match.headers ?? {})) {
      if (written.startsWith(claimPrefix)) {
        // No token is ever validated here, so the claim is never there.
        this.#reportClaim(rule, path("headers", written))
        return null
      }
      const matcher = this.#matcher(value, rule, path("headers", written))
      if (matcher === null) return null
      predicates.push({ kind: "header", name: written.toLowerCase(), matcher, invert: false })
    }
    for (const [written, value] of Object.entries(match.withoutHeaders ?? {})) {
      // The inverse of a claim that is never there always holds.
      if (written.startsWith(claimPrefix)) continue
      const matcher = this.#matcher(value, rule, path("withoutHeaders", written))
      if (matcher === null) return null
      predicates.push({ kind: "header", name: written.toLowerCase(), matcher, invert: true })
    }
    for (const [name, value] of Object.entries(match.queryParams ?? {})) {
      const matcher = this.#matcher(value, rule, path("queryParams", name))
      if (matcher === null) return null
      predicates.push({ kind: "query", name: toByteString(name), matcher })
    }
    return { path: pathMatch, predicates }
  }

  #pathMatch(match: HttpMatch, rule: EffectiveRule, path: FieldPath): PathMatch | null {
    const { uri } = match
    const ignoreCase = match.ignoreUriCase ?? false
    if (uri?.exact !== undefined) return { kind: "exact", value: toByteString(uri.exact), ignoreCase }
    if (uri?.prefix !== undefined) return { kind: "prefix", value: toByteString(uri.prefix), ignoreCase }
    if (uri?.regex === undefined) return matchEverything.path
    const regex = this.#regexes.compile(uri.regex, rule.source.resource, path)
    return regex === null ? null : { kind: "regex", regex }
  }

  #matcher(match: StringMatch, rule: EffectiveRule, path: FieldPath): StringMatcher | null {
    return this.#regexes.stringMatcher(match, rule.source.resource, path)
  }

  #reportClaim(rule: EffectiveRule, path: FieldPath): void {
    this.#report.add({
      severity: "warning",
      code: "P3012",
      resource: rule.source.resource,
      path,
      message: "a token claim never matches: no RequestAuthentication validates tokens on this gateway",
    })
  }
}
