/**
 * Regular expressions and string matches of the configuration, compiled once per text (Istio semantics sheet 2.4).
 * The same few expressions come back in thousands of rules.
 */
import type { Resource } from "../config/resources.ts"
import { toByteString } from "../route/byte-string.ts"
import { type CompiledRegex, compileRegex } from "../route/regex.ts"
import type { StringMatch } from "./api-types.ts"
import type { FieldPath, Report } from "./report.ts"
import type { StringMatcher } from "./snapshot.ts"

const present: StringMatcher = Object.freeze({ kind: "present" })

export class RegexCompiler {
  readonly #report: Report
  readonly #compiled = new Map<string, CompiledRegex | { readonly error: string }>()

  constructor(report: Report) {
    this.#report = report
  }

  /** @returns null when the text is no RE2 expression; that is reported. */
  compile(source: string, resource: Resource, path: FieldPath): CompiledRegex | null {
    let compiled = this.#compiled.get(source)
    if (compiled === undefined) {
      compiled = compileRegex(source)
      this.#compiled.set(source, compiled)
    }
    if (!("error" in compiled)) return compiled
    this.#report.add({
      severity: "error",
      code: "P3013",
      resource,
      path,
      message: `"${source}" is not a regular expression of RE2: ${compiled.error}`,
      hint: "RE2 has no look-around and no back-references",
    })
    return null
  }

  /** `{}` and `regex: "*"` mean that a value is present. */
  stringMatcher(match: StringMatch, resource: Resource, path: FieldPath): StringMatcher | null {
    if (match.exact !== undefined) return { kind: "exact", value: toByteString(match.exact) }
    if (match.prefix !== undefined) return { kind: "prefix", value: toByteString(match.prefix) }
    if (match.regex === undefined || match.regex === "*") return present
    const regex = this.compile(match.regex, resource, path)
    return regex === null ? null : { kind: "regex", regex }
  }
}
