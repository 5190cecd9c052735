/**
 * Regular expressions of the configuration: RE2's language, matched in linear time (reference sheet 2.4).
 */

export interface CompiledRegex {
  /** As the user wrote it. */
  readonly source: string
  /** Whether the WHOLE text matches (implicit anchors). */
  matchesWhole(text: string): boolean
  /** Replaces every occurrence; `\0`…`\9` in `substitution` are groups, `\\` a backslash (sheet 3.2). */
  replaceAll(text: string, substitution: string): string
}
