/**
 * Warns of rules and match blocks that no request can reach, because an earlier one takes everything they would
 * (Istio semantics sheet 2.3, 13, 14.11).
 */
import type { Findings } from "./findings.ts"
import type { HttpRule } from "./validate-http-route.ts"

/** Rules in order; the first match block that holds wins. */
export function warnOfShadowedMatches(rules: readonly HttpRule[], findings: Findings): void {
  if (rules.length === 1 && (rules[0]?.match ?? []).length < 2) return
  const seen = new Map<string, string>()
  let catchAll: string | null = null
  for (const [index, rule] of rules.entries()) {
    const path = ["spec", "http", index]
    if (catchAll !== null) {
      findings.warning("P2250", path, `this rule is never reached: ${catchAll} takes every request before it`)
      continue
    }
    // What a delegating rule takes is for its delegate's own matches to say.
    if (rule.delegate !== undefined) continue
    const blocks = rule.match ?? []
    if (blocks.length === 0) catchAll = `http[${index}]`
    for (const [blockIndex, block] of blocks.entries()) {
      const name = `http[${index}].match[${blockIndex}]`
      const at = [...path, "match", blockIndex]
      if (catchAll !== null) {
        findings.warning("P2250", at, `this match is never reached: ${catchAll} takes every request before it`)
        continue
      }
      const key = conditions(block)
      const earlier = seen.get(key)
      if (earlier !== undefined) {
        findings.warning("P2251", at, `this match is never reached: ${earlier} has the same conditions`)
      }
      seen.set(key, name)
      if (key === "{}") catchAll = name
    }
  }
}

/** The block's conditions as text, the same for the same conditions; names are no condition. */
function conditions(block: NonNullable<HttpRule["match"]>[number]): string {
  const { name: _name, statPrefix: _statPrefix, ignoreUriCase, uri, ...others } = block
  const everyPath = uri === undefined || uri.prefix === "" || uri.prefix === "/"
  return JSON.stringify({ ...others, ...(everyPath ? {} : { uri, ignoreUriCase: ignoreUriCase === true }) })
}
