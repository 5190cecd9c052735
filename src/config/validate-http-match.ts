/**
 * What the schema cannot say about the match blocks of an http rule: conditions that need a gateway, and conditions
 * that can never hold (Istio semantics sheet 2.4, 13).
 */
import type { Findings } from "./findings.ts"
import type { FieldPath } from "./span-tree.ts"
import type { HttpRule, RuleContext } from "./validate-http-route.ts"

export function validateMatches(rule: HttpRule, path: FieldPath, context: RuleContext, findings: Findings): void {
  for (const [index, match] of (rule.match ?? []).entries()) {
    const at = [...path, "match", index]
    for (const field of ["exact", "prefix"] as const) {
      const text = match.uri?.[field] ?? ""
      // `OPTIONS *` is the one request whose path does not begin with a slash.
      if (text === "" || text.startsWith("/") || text === "*") continue
      const message = `\`${text}\` never matches: a path begins with "/"`
      findings.warning("P2254", [...at, "uri", field], message, `write "/${text}"`)
    }
    const method = match.method?.exact ?? ""
    if (method !== method.toUpperCase()) {
      const message = `\`${method}\` never matches: methods are case-sensitive`
      findings.warning("P2255", [...at, "method", "exact"], message, `write "${method.toUpperCase()}"`)
    }
    if (context.boundToGateway) continue
    for (const field of ["headers", "withoutHeaders"] as const) {
      for (const name of Object.keys(match[field] ?? {})) {
        if (!name.startsWith("@request.auth.claims")) continue
        const message = "matching a token's claims needs a gateway"
        findings.error("P2220", [...at, field, name], message, "name one in `gateways`", "key")
      }
    }
  }
}
