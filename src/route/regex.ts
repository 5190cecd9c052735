/**
 * Regular expressions of the configuration: RE2's language, matched in linear time (Istio semantics sheet 2.4, 3.2).
 *
 * re2js decides what is valid and what matches. Most gateway patterns (`/api/.*`, `/v[0-9]+/users(/.*)?`) need no
 * automaton: `single-pass.ts` runs those without backtracking, several times faster, and a property test holds the two
 * together. Native RegExp is never used: it backtracks.
 *
 * Texts are byte strings. Envoy's RE2 reads bytes as UTF-8, so `.` is one character, not one byte, and a text that is
 * not UTF-8 matches nothing. ASCII texts (every normalised path) need no decoding.
 */
import { RE2JS } from "re2js"
import { fromByteString, isAscii, toByteString } from "./byte-string.ts"
import { parseSimplePattern } from "./simple-pattern.ts"
import { commonLiteralPrefix, matchAny, planSequence, type SinglePassPlan, SinglePassResult } from "./single-pass.ts"
import { expandSubstitution, parseSubstitution } from "./substitution.ts"

/** Istio's own limit on a pattern (sheet 2.4). Above it `compileRegex` answers an error. */
export const REGEX_SOURCE_CHARS_MAX = 1024

/** Longer texts match nothing. Well above the head limit, so that no request that was accepted is affected. */
export const REGEX_TEXT_CHARS_MAX = 65_536

export interface CompiledRegex {
  /** As the user wrote it. */
  readonly source: string
  /** Every match starts with this text; "" when that is not known. */
  readonly literalPrefix: string
  /** Capture groups, the whole match not counted. */
  readonly groupCount: number
  /** Whether the WHOLE text matches (implicit anchors). @param text a byte string. */
  matchesWhole(text: string): boolean
  /** Replaces every occurrence; `\0`…`\9` in `substitution` are groups, `\\` a backslash (sheet 3.2). */
  replaceAll(text: string, substitution: string): string
}

export interface RegexError {
  readonly error: string
}

/** Compiles once, at load. Never throws. */
export function compileRegex(source: string): CompiledRegex | RegexError {
  if (source === "") return { error: "a regex must not be empty" }
  if (source.length > REGEX_SOURCE_CHARS_MAX) {
    return { error: `a regex may have ${REGEX_SOURCE_CHARS_MAX} characters, this one has ${source.length}` }
  }
  let automaton: RE2JS
  try {
    automaton = RE2JS.compile(source)
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) }
  }
  const plans = planAll(source)
  return plans === null ? new AutomatonRegex(source, automaton) : new SinglePassRegex(source, automaton, plans)
}

function planAll(source: string): readonly SinglePassPlan[] | null {
  const sequences = parseSimplePattern(source)
  if (sequences === null) return null
  const plans: SinglePassPlan[] = []
  for (const sequence of sequences) {
    const plan = planSequence(sequence)
    if (plan === null) return null
    plans.push(plan)
  }
  return plans
}

/** The general case. */
class AutomatonRegex implements CompiledRegex {
  readonly source: string
  readonly literalPrefix = ""
  readonly groupCount: number
  readonly #automaton: RE2JS

  constructor(source: string, automaton: RE2JS) {
    this.source = source
    this.groupCount = automaton.groupCount()
    this.#automaton = automaton
  }

  matchesWhole(text: string): boolean {
    return automatonMatches(this.#automaton, text)
  }

  replaceAll(text: string, substitution: string): string {
    return automatonReplaceAll(this.#automaton, this.groupCount, text, substitution)
  }
}

/** A pattern that one pass over the text decides; the automaton stands by for texts that are not ASCII. */
class SinglePassRegex implements CompiledRegex {
  readonly source: string
  readonly literalPrefix: string
  readonly groupCount: number
  readonly #automaton: RE2JS
  readonly #plans: readonly SinglePassPlan[]

  constructor(source: string, automaton: RE2JS, plans: readonly SinglePassPlan[]) {
    this.source = source
    this.literalPrefix = commonLiteralPrefix(plans)
    this.groupCount = automaton.groupCount()
    this.#automaton = automaton
    this.#plans = plans
  }

  matchesWhole(text: string): boolean {
    if (text.length > REGEX_TEXT_CHARS_MAX) return false
    const result = matchAny(this.#plans, text)
    return result === SinglePassResult.notAscii
      ? automatonMatches(this.#automaton, text)
      : result === SinglePassResult.match
  }

  replaceAll(text: string, substitution: string): string {
    return automatonReplaceAll(this.#automaton, this.groupCount, text, substitution)
  }
}

function automatonMatches(automaton: RE2JS, text: string): boolean {
  if (text.length > REGEX_TEXT_CHARS_MAX) return false
  if (isAscii(text)) return automaton.testExact(text)
  const decoded = fromByteString(text)
  return decoded !== null && automaton.testExact(decoded)
}

/**
 * As RE2's GlobalReplace: leftmost matches that do not overlap, and no empty match right where the last one ended. A
 * substitution that is invalid, or names a group that is not there, changes nothing.
 */
function automatonReplaceAll(automaton: RE2JS, groupCount: number, text: string, substitution: string): string {
  if (text.length > REGEX_TEXT_CHARS_MAX) return text
  const parts = parseSubstitution(substitution, groupCount)
  if ("error" in parts) return text
  const decoded = fromByteString(text)
  if (decoded === null) return text
  const matcher = automaton.matcher(decoded)
  let result = ""
  let copied = 0
  let lastEnd = -1
  while (matcher.find()) {
    const start = matcher.start()
    const end = matcher.end()
    if (start === end && start === lastEnd) continue
    result += decoded.slice(copied, start)
    result += expandSubstitution(parts, (group) => matcher.group(group) ?? "")
    copied = end
    lastEnd = end
  }
  return lastEnd < 0 ? text : toByteString(result + decoded.slice(copied))
}
