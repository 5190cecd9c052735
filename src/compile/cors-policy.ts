/**
 * Cross-origin policy of a forwarding rule (Istio semantics sheet 3.9).
 * Source: Istio `pilot/pkg/networking/core/route/route.go` (`TranslateCORSPolicy`).
 */
import { parseDurationMs } from "../config/duration.ts"
import { toByteString } from "../route/byte-string.ts"
import type { Cors } from "./api-types.ts"
import type { RegexCompiler } from "./regex-compiler.ts"
import type { RuleSource } from "./rule-source.ts"
import type { CorsPolicy, StringMatcher } from "./snapshot.ts"

const everyOrigin: StringMatcher = Object.freeze({ kind: "present" })

export function compileCors(cors: Cors | undefined, source: RuleSource, regexes: RegexCompiler): CorsPolicy | null {
  if (cors === undefined) return null
  const allowOrigins: StringMatcher[] = []
  for (const [index, origin] of (cors.allowOrigins ?? []).entries()) {
    if (origin.exact === "*") {
      allowOrigins.push(everyOrigin)
      continue
    }
    const path = source.path("corsPolicy", "allowOrigins", index)
    const matcher = regexes.stringMatcher(origin, source.resource, path)
    if (matcher !== null) allowOrigins.push(matcher)
  }
  // The older list counts only where the newer is silent.
  if (cors.allowOrigins === undefined || cors.allowOrigins.length === 0) {
    for (const origin of cors.allowOrigin ?? []) {
      allowOrigins.push(origin === "*" ? everyOrigin : { kind: "exact", value: toByteString(origin) })
    }
  }
  const maxAgeMs = cors.maxAge === undefined ? null : parseDurationMs(cors.maxAge)
  return {
    allowOrigins,
    allowMethods: (cors.allowMethods ?? []).join(","),
    allowHeaders: (cors.allowHeaders ?? []).join(","),
    exposeHeaders: (cors.exposeHeaders ?? []).join(","),
    maxAgeSeconds: maxAgeMs === null ? -1 : Math.trunc(maxAgeMs / 1000),
    allowCredentials: cors.allowCredentials ?? false,
    answerUnmatchedPreflights: cors.unmatchedPreflights === "IGNORE",
  }
}
