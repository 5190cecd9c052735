/**
 * The replacement text of `uriRegexRewrite` in RE2's notation: `\0` the whole match, `\1`…`\9` its groups, `\\` a
 * backslash, everything else itself (Istio semantics sheet 3.2; RE2 `CheckRewriteString`, `Rewrite`).
 */

/** Literal text, or the number of a group. */
export type SubstitutionPart = string | number

/**
 * @param groupCount of the regex it belongs to.
 * @returns what is wrong with it in `error`; RE2 would replace nothing.
 */
export function parseSubstitution(
  substitution: string,
  groupCount: number,
): readonly SubstitutionPart[] | { readonly error: string } {
  const parts: SubstitutionPart[] = []
  let literal = ""
  for (let i = 0; i < substitution.length; i++) {
    const char = substitution.charAt(i)
    if (char !== "\\") {
      literal += char
      continue
    }
    i++
    const escaped = substitution.charAt(i)
    if (escaped === "\\") {
      literal += "\\"
    } else if (escaped >= "0" && escaped <= "9") {
      const group = Number(escaped)
      if (group > groupCount) return { error: `\\${group} names a group, but the regex has ${groupCount}` }
      if (literal !== "") parts.push(literal)
      literal = ""
      parts.push(group)
    } else {
      return { error: "a backslash must be followed by a digit or another backslash" }
    }
  }
  if (literal !== "") parts.push(literal)
  return parts
}

/** @param groupText the text of a group of the current match, "" where it took no part. */
export function expandSubstitution(parts: readonly SubstitutionPart[], groupText: (group: number) => string): string {
  let text = ""
  for (const part of parts) text += typeof part === "string" ? part : groupText(part)
  return text
}
