/**
 * Matches a whole text against a simple pattern in one pass, with no step ever taken back.
 *
 * Why this is right and linear: an item of varying length followed only by characters outside its set must take exactly
 * its longest run; there is no choice. One item may break that rule (`.*` in `/a/.*\.css`), if every item after it obeys
 * the same rule read backwards from the end of the text. Every character is looked at once.
 *
 *      forward items ──▶ │ the open item │ ◀── backward items
 *      /a/ [0-9]+ /          .*              \.css
 *
 * A character outside ASCII ends the pass with `notAscii`: there a character is several bytes, and the automaton decides.
 */
import type { PatternItem, PatternSequence } from "./simple-pattern.ts"

export const SinglePassResult = Object.freeze({ noMatch: 0, match: 1, notAscii: 2 })

/** A literal text, or a repeated set (then `literal` is ""). */
interface Step {
  readonly literal: string
  readonly set: Uint8Array
  readonly min: number
  readonly max: number
}

export interface SinglePassPlan {
  readonly forward: readonly Step[]
  /** null: the text ends where the forward steps end. */
  readonly open: PatternItem | null
  /** In the order of the pattern. Empty without an open item. */
  readonly backward: readonly Step[]
}

/** @returns null when the sequence has more than one choice to make. */
export function planSequence(sequence: PatternSequence): SinglePassPlan | null {
  const openIndex = sequence.findIndex((item, index) => !isDecided(item, sequence.slice(index + 1)))
  if (openIndex < 0) return { forward: toSteps(sequence), open: null, backward: [] }
  for (let index = openIndex + 1; index < sequence.length; index++) {
    const item = sequence[index]
    if (item !== undefined && !isDecided(item, sequence.slice(openIndex, index).reverse())) return null
  }
  return {
    forward: toSteps(sequence.slice(0, openIndex)),
    open: sequence[openIndex] ?? null,
    backward: toSteps(sequence.slice(openIndex + 1)),
  }
}

/** Whether the item's length follows from the text: fixed, or what comes next shares no character with it. */
function isDecided(item: PatternItem, next: PatternSequence): boolean {
  if (item.min === item.max) return true
  for (const neighbour of next) {
    if (neighbour.max > 0 && neighbour.set.some((belongs, code) => belongs === 1 && item.set[code] === 1)) return false
    if (neighbour.min > 0) return true
  }
  return true
}

function toSteps(items: readonly PatternItem[]): Step[] {
  const steps: Step[] = []
  let literal = ""
  const endLiteral = () => {
    if (literal !== "") steps.push({ literal, set: NO_SET, min: 0, max: 0 })
    literal = ""
  }
  for (const { set, min, max } of items) {
    const code = set.indexOf(1)
    if (min === max && code >= 0 && set.lastIndexOf(1) === code) {
      literal += String.fromCharCode(code).repeat(min)
    } else {
      endLiteral()
      steps.push({ literal: "", set, min, max })
    }
  }
  endLiteral()
  return steps
}

const NO_SET = new Uint8Array(0)

/** The text every match of every plan starts with. */
export function commonLiteralPrefix(plans: readonly SinglePassPlan[]): string {
  let common: string | null = null
  for (const plan of plans) {
    const literal = plan.forward[0]?.literal ?? ""
    if (common === null) {
      common = literal
      continue
    }
    let length = 0
    while (length < common.length && common.charCodeAt(length) === literal.charCodeAt(length)) length++
    common = common.slice(0, length)
  }
  return common ?? ""
}

/** Whether the whole text matches one of the plans. @returns a SinglePassResult. */
export function matchAny(plans: readonly SinglePassPlan[], text: string): number {
  let result: number = SinglePassResult.noMatch
  for (let i = 0; i < plans.length; i++) {
    const plan = plans[i]
    if (plan === undefined) continue
    const one = matchPlan(plan, text)
    if (one === SinglePassResult.match) return one
    if (one === SinglePassResult.notAscii) result = one
  }
  return result
}

function matchPlan(plan: SinglePassPlan, text: string): number {
  const end = text.length
  let offset = 0
  for (let i = 0; i < plan.forward.length; i++) {
    const step = plan.forward[i]
    if (step === undefined) break
    if (step.literal !== "") {
      if (!text.startsWith(step.literal, offset)) return SinglePassResult.noMatch
      offset += step.literal.length
      continue
    }
    const { set, min, max } = step
    const start = offset
    for (; offset < end && offset - start < max; offset++) {
      const code = text.charCodeAt(offset)
      if (code > 127) return SinglePassResult.notAscii
      if (set[code] !== 1) break
    }
    if (offset - start < min) return SinglePassResult.noMatch
  }
  if (plan.open === null) return offset === end ? SinglePassResult.match : SinglePassResult.noMatch
  return matchFromEnd(plan, plan.open, text, offset)
}

/** The backward steps from the end, then everything between by the open item. */
function matchFromEnd(plan: SinglePassPlan, open: PatternItem, text: string, openStart: number): number {
  let offset = text.length
  for (let i = plan.backward.length - 1; i >= 0; i--) {
    const step = plan.backward[i]
    if (step === undefined) break
    if (step.literal !== "") {
      if (!text.endsWith(step.literal, offset)) return SinglePassResult.noMatch
      offset -= step.literal.length
      continue
    }
    const { set, min, max } = step
    const end = offset
    for (; offset > openStart && end - offset < max; offset--) {
      const code = text.charCodeAt(offset - 1)
      if (code > 127) return SinglePassResult.notAscii
      if (set[code] !== 1) break
    }
    if (end - offset < min) return SinglePassResult.noMatch
  }
  for (let i = openStart; i < offset; i++) {
    const code = text.charCodeAt(i)
    if (code > 127) return SinglePassResult.notAscii
    if (open.set[code] !== 1) return SinglePassResult.noMatch
  }
  // Negative where a literal reached back into what the forward steps took.
  const openLength = offset - openStart
  return openLength >= open.min && openLength <= open.max ? SinglePassResult.match : SinglePassResult.noMatch
}
