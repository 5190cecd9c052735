/**
 * Reads the simple subset of RE2's language that `single-pass.ts` can run: literals, `.`, classes and `\d \w \s`, each
 * with an optional quantifier, and groups that are only chosen between (`(a|b)`, `(/.*)?`). A pattern becomes the list
 * of its alternatives, each a plain sequence of items.
 *
 * Conservative: whatever is not certainly understood gives null, and the automaton takes the pattern. The pattern is
 * known to be valid RE2, so that malformed text needs no error here. Only ASCII: a set says which of the 128 characters
 * it holds, and texts with others are left to the automaton.
 */

const ASCII_SIZE = 128

/** No upper limit. */
export const REPEAT_UNBOUNDED = 0x7fffffff

/** Groups multiply: `(a|b)(c|d)` are four sequences. More than this many, and the automaton is the better tool. */
const SEQUENCES_MAX = 16

/** Characters of one set, repeated between `min` and `max` times. */
export interface PatternItem {
  /** 1 at each character code that belongs. */
  readonly set: Uint8Array
  readonly min: number
  readonly max: number
}

export type PatternSequence = readonly PatternItem[]

/** @param source a valid RE2 pattern. @returns its alternatives, for matching a whole text; null when not simple. */
export function parseSimplePattern(source: string): readonly PatternSequence[] | null {
  const flags = /^\(\?([is]{1,2})\)/.exec(source)
  const letters = flags?.[1] ?? ""
  let body = source.slice(flags?.[0].length ?? 0)
  // The whole text is matched in any case, so anchors at the very ends say nothing new.
  if (body.startsWith("^")) body = body.slice(1)
  if (/(?<!\\)(?:\\\\)*\$$/.test(body)) body = body.slice(0, -1)
  const parser = new SimplePatternParser(body, letters.includes("i"), letters.includes("s"))
  return parser.parse()
}

class SimplePatternParser {
  readonly #source: string
  readonly #foldCase: boolean
  readonly #dotMatchesNewline: boolean
  #offset = 0

  constructor(source: string, foldCase: boolean, dotMatchesNewline: boolean) {
    this.#source = source
    this.#foldCase = foldCase
    this.#dotMatchesNewline = dotMatchesNewline
  }

  parse(): readonly PatternSequence[] | null {
    const alternatives = this.#alternation()
    return this.#offset === this.#source.length ? alternatives : null
  }

  #alternation(): PatternSequence[] | null {
    const alternatives: PatternSequence[] = []
    for (;;) {
      const sequences = this.#concatenation()
      if (sequences === null) return null
      alternatives.push(...sequences)
      if (alternatives.length > SEQUENCES_MAX) return null
      if (this.#peek() !== "|") return alternatives
      this.#offset++
    }
  }

  #concatenation(): PatternSequence[] | null {
    let sequences: PatternSequence[] = [[]]
    while (this.#offset < this.#source.length && this.#peek() !== "|" && this.#peek() !== ")") {
      const next = this.#peek() === "(" ? this.#group() : this.#item()
      if (next === null) return null
      sequences = sequences.flatMap((head) => next.map((tail) => [...head, ...tail]))
      if (sequences.length > SEQUENCES_MAX) return null
    }
    return sequences
  }

  /** `(…)` or `(?:…)`, optionally `?`. */
  #group(): PatternSequence[] | null {
    this.#offset++
    if (this.#source.startsWith("?:", this.#offset)) this.#offset += 2
    else if (this.#peek() === "?") return null
    const inner = this.#alternation()
    if (inner === null || this.#peek() !== ")") return null
    this.#offset++
    if (this.#peek() === "?") {
      this.#offset++
      inner.push([])
    }
    return this.#atQuantifier() ? null : inner
  }

  #item(): PatternSequence[] | null {
    const set = this.#atom()
    if (set === null) return null
    let min = 1
    let max = 1
    switch (this.#peek()) {
      case "*":
        min = 0
        max = REPEAT_UNBOUNDED
        this.#offset++
        break
      case "+":
        max = REPEAT_UNBOUNDED
        this.#offset++
        break
      case "?":
        min = 0
        this.#offset++
        break
      case "{": {
        const counts = /^\{(\d{1,4})(,(\d{1,4})?)?\}/.exec(this.#source.slice(this.#offset))
        if (counts === null) return null
        min = Number(counts[1])
        if (counts[2] === undefined) max = min
        else max = counts[3] === undefined ? REPEAT_UNBOUNDED : Number(counts[3])
        this.#offset += counts[0].length
        break
      }
    }
    // A second quantifier (lazy, possessive, nested) is left to the automaton.
    return this.#atQuantifier() ? null : [[{ set, min, max }]]
  }

  #atQuantifier(): boolean {
    const char = this.#peek()
    return char === "*" || char === "+" || char === "?" || char === "{"
  }

  /** One character, or a set of them. */
  #atom(): Uint8Array | null {
    const char = this.#peek()
    this.#offset++
    if (char === ".") return this.#dotMatchesNewline ? setOf(() => true) : setOf((code) => code !== 0x0a)
    if (char === "[") return this.#class()
    if (char === "\\") return this.#escape()
    if (/[*+?{}()|\]^$]/.test(char) || char.charCodeAt(0) >= ASCII_SIZE) return null
    return this.#fold(setOf((code) => code === char.charCodeAt(0)))
  }

  /** After the backslash. */
  #escape(): Uint8Array | null {
    const char = this.#peek()
    this.#offset++
    const named = NAMED_SETS.get(char)
    if (named !== undefined) return named
    const code = char.charCodeAt(0)
    // Punctuation stands for itself. Letters, digits and `_` have meanings of their own.
    if (/\w/.test(char) || !(code > 0x20 && code < 0x7f)) return null
    return setOf((other) => other === code)
  }

  /** After `[`. */
  #class(): Uint8Array | null {
    const negated = this.#peek() === "^"
    if (negated) this.#offset++
    if (this.#peek() === "]") return null
    const start = this.#offset
    const set = new Uint8Array(ASCII_SIZE)
    for (;;) {
      const char = this.#peek()
      if (char === "]") break
      // `[:alpha:]` and whatever looks like it.
      if (char === "[" || char === "") return null
      // A literal `-` is clear only at the start or the end.
      if (char === "-" && this.#offset > start && this.#source.charAt(this.#offset + 1) !== "]") return null
      const first = this.#classAtom()
      if (first === null) return null
      if (this.#peek() === "-" && this.#source.charAt(this.#offset + 1) !== "]") {
        this.#offset++
        const last = this.#classAtom()
        const low = first.indexOf(1)
        const high = last?.indexOf(1) ?? -1
        // Both ends must be single characters.
        if (last === null || first.lastIndexOf(1) !== low || last.lastIndexOf(1) !== high || low > high) return null
        set.fill(1, low, high + 1)
      } else {
        for (let code = 0; code < ASCII_SIZE; code++) if (first[code] === 1) set[code] = 1
      }
    }
    this.#offset++
    const folded = this.#fold(set)
    return negated ? setOf((code) => folded[code] !== 1) : folded
  }

  #classAtom(): Uint8Array | null {
    const char = this.#peek()
    this.#offset++
    if (char === "\\") return this.#escape()
    const code = char.charCodeAt(0)
    if (char === "" || char === "[" || code >= ASCII_SIZE) return null
    return setOf((other) => other === code)
  }

  #fold(set: Uint8Array): Uint8Array {
    if (!this.#foldCase) return set
    return setOf((code) => {
      if (set[code] === 1) return true
      const isLetter = (code >= 65 && code <= 90) || (code >= 97 && code <= 122)
      return isLetter && set[code ^ 32] === 1
    })
  }

  /** "" at the end. */
  #peek(): string {
    return this.#source.charAt(this.#offset)
  }
}

function setOf(belongs: (code: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: ASCII_SIZE }, (_, code) => (belongs(code) ? 1 : 0))
}

function setOfPattern(pattern: RegExp): Uint8Array {
  return setOf((code) => pattern.test(String.fromCharCode(code)))
}

/** RE2's meanings; `\s` has no vertical tab. */
const NAMED_SETS: ReadonlyMap<string, Uint8Array> = new Map([
  ["d", setOfPattern(/[0-9]/)],
  ["D", setOfPattern(/[^0-9]/)],
  ["w", setOfPattern(/[0-9A-Za-z_]/)],
  ["W", setOfPattern(/[^0-9A-Za-z_]/)],
  ["s", setOfPattern(/[\t\n\f\r ]/)],
  ["S", setOfPattern(/[^\t\n\f\r ]/)],
])
