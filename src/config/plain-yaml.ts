/**
 * A fast reader for the YAML people write for Istio: block mappings and sequences, one-line scalars, one-line flow
 * collections, and JSON. Anything else (anchors, tags, block scalars, tabs, folded text, duplicate keys, any error)
 * is answered with null, and the full YAML parser decides. So this file accepts less than YAML and must agree with
 * the full parser on all that it accepts: plain-yaml.test.ts holds it to that with generated documents.
 *
 * Why: the full parser needs 2.2 s for 10,000 VirtualServices (6 MB), this reader about a tenth.
 */
import { resolveCoreScalar } from "./core-scalar.ts"
import type { SpanNode } from "./span-tree.ts"

export interface PlainDocument {
  readonly value: unknown
  /** null unless asked for. */
  readonly spans: SpanNode | null
}

/** Deeper documents go to the full parser, which refuses them with a message. */
const depthMax = 48

const blockKey = /[A-Za-z0-9_./][\w./@$-]*(?= *:(?:[ \r\n]|$))/y
/** Plain text up to the end of the line; what `#` and `: ` may mean is checked after. */
const lineRest = /[^\r\n]*/y
const flowPlain = /[A-Za-z0-9_./$+~-][\w ./@$+~-]*/y
const doubleQuoted = /"(?:[^"\\\r\n]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*"/y
const singleQuoted = /'(?:[^'\r\n]|'')*'/y

const space = 0x20
const newline = 0x0a
const carriageReturn = 0x0d
const hash = 0x23
const dash = 0x2d
const colon = 0x3a
const comma = 0x2c

/**
 * Reads `text[start, end)`, one document without its `---`.
 *
 * @returns null when the document is outside the subset (not necessarily wrong).
 */
export function readPlainYaml(text: string, start: number, end: number, wantSpans: boolean): PlainDocument | null {
  const reader = new PlainYamlReader(text, start, end, wantSpans)
  const value = reader.document()
  return reader.odd ? null : { value, spans: reader.node }
}

class PlainYamlReader {
  /** Set as soon as anything is outside the subset; whoever sees it returns at once. */
  odd = false
  /** The span node of the value read last, when spans are wanted. */
  node: SpanNode | null = null
  readonly #text: string
  readonly #end: number
  readonly #wantSpans: boolean
  #at: number
  /** Of the content at `#at`: its column from 0; -1 at the end of the document. */
  #indent = -1
  #lineStart: number
  #depth = 0

  constructor(text: string, start: number, end: number, wantSpans: boolean) {
    this.#text = text
    this.#at = start
    this.#lineStart = start
    this.#end = end
    this.#wantSpans = wantSpans
  }

  document(): unknown {
    this.#toContent()
    if (this.#indent === -1) return this.#scalarNode(null, this.#at, this.#at)
    const first = this.#text.charCodeAt(this.#at)
    let value: unknown
    if (first === 0x7b || first === 0x5b) {
      value = this.#flow(true)
      this.#finishLine()
    } else {
      value = this.#block()
    }
    if (this.#indent !== -1) this.odd = true
    return value
  }

  /** A mapping or sequence whose first entry stands at `#at`, column `#indent`. */
  #block(): unknown {
    if (++this.#depth > depthMax) return this.#refuse()
    const value = this.#isDash() ? this.#sequence() : this.#mapping()
    this.#depth--
    return value
  }

  #mapping(): unknown {
    const indent = this.#indent
    const value: Record<string, unknown> = {}
    const start = this.#at
    const children = this.#wantSpans ? new Map<string | number, SpanNode>() : null
    while (!this.odd && this.#indent === indent && !this.#isDash()) {
      const keyStart = this.#at
      const key = this.#key()
      if (this.odd || Object.hasOwn(value, key) || this.#isOddKey(key)) return this.#refuse()
      const keyEnd = this.#at
      this.#skipSpaces()
      this.#at++ // The colon, which `#key` has seen.
      value[key] = this.#entryValue(indent, true)
      this.#keep(children, key, { start: keyStart, end: keyEnd })
    }
    if (this.#indent > indent) this.odd = true
    if (children !== null) this.node = { start, end: this.#at, key: null, children }
    return value
  }

  #sequence(): unknown {
    const indent = this.#indent
    const value: unknown[] = []
    const start = this.#at
    const children = this.#wantSpans ? new Map<string | number, SpanNode>() : null
    while (!this.odd && this.#indent === indent && this.#isDash()) {
      this.#at++
      const item = this.#entryValue(indent, false)
      this.#keep(children, value.length, null)
      value.push(item)
    }
    if (this.#indent > indent) this.odd = true
    if (children !== null) this.node = { start, end: this.#at, key: null, children }
    return value
  }

  /** What follows a `key:` or a `-` of a collection at `indent`. Leaves the reader at the next content line. */
  #entryValue(indent: number, afterKey: boolean): unknown {
    const markEnd = this.#at
    this.#skipSpaces()
    if (this.#atLineEnd() || (this.#text.charCodeAt(this.#at) === hash && this.#at > markEnd)) {
      this.#toContent()
      if (this.#indent > indent) return this.#block()
      // A sequence may stand at the same column as the key that owns it.
      if (afterKey && this.#indent === indent && this.#isDash()) return this.#block()
      return this.#scalarNode(null, markEnd, markEnd)
    }
    if (!afterKey && (this.#isDash() || this.#isKey())) {
      this.#indent = this.#at - this.#lineStart
      return this.#block()
    }
    const value = this.#inline()
    this.#finishLine()
    // A deeper line would continue the scalar, or be an error.
    if (this.#indent > indent) this.odd = true
    return value
  }

  /** A scalar or flow collection within this line. */
  #inline(): unknown {
    const first = this.#text.charCodeAt(this.#at)
    if (first === 0x22 || first === 0x27) return this.#quoted()
    if (first === 0x7b || first === 0x5b) return this.#flow(false)
    return this.#plain()
  }

  /** A plain scalar that ends with its line. */
  #plain(): unknown {
    const start = this.#at
    if (this.#isDash() || "-?:,]}#&*!|>%@`".includes(this.#text.charAt(start))) {
      // `-1` and `-x` are fine; `- `, `?`, `:` and the indicators are not for this reader.
      const next = this.#text.charCodeAt(start + 1)
      if (this.#text.charCodeAt(start) !== dash || this.#isDash() || Number.isNaN(next)) return this.#refuse()
    }
    lineRest.lastIndex = start
    lineRest.exec(this.#text)
    let end = Math.min(lineRest.lastIndex, this.#end)
    const line = this.#text.slice(start, end)
    const comment = line.indexOf(" #")
    if (comment !== -1) end = start + comment
    while (end > start && this.#text.charCodeAt(end - 1) === space) end--
    const text = this.#text.slice(start, end)
    // A tab before `#` would make it a comment.
    if (text.endsWith(":") || text.includes(": ") || text.includes("\t")) return this.#refuse()
    this.#at = end
    return this.#scalarNode(resolveCoreScalar(text), start, end)
  }

  #quoted(): unknown {
    const start = this.#at
    const text = this.#quotedText()
    return this.odd ? null : this.#scalarNode(text, start, this.#at)
  }

  #quotedText(): string {
    const start = this.#at
    const isDouble = this.#text.charCodeAt(start) === 0x22
    const pattern = isDouble ? doubleQuoted : singleQuoted
    pattern.lastIndex = start
    const match = pattern.exec(this.#text)
    if (match === null || pattern.lastIndex > this.#end) {
      this.odd = true
      return ""
    }
    this.#at = pattern.lastIndex
    const inner = match[0].slice(1, -1)
    if (!isDouble) return inner.includes("'") ? inner.replaceAll("''", "'") : inner
    // The pattern admits exactly JSON's escapes, which YAML shares; control characters are left to the full parser.
    if (!inner.includes("\\")) return inner
    if (/[\u0000-\u001f]/.test(inner)) {
      this.odd = true
      return ""
    }
    return String(JSON.parse(match[0]))
  }

  /** A flow collection; `anyLine` when it may span lines (only at the top, where no indentation is owed). */
  #flow(anyLine: boolean): unknown {
    if (++this.#depth > depthMax) return this.#refuse()
    const value = this.#text.charCodeAt(this.#at) === 0x7b ? this.#flowMapping(anyLine) : this.#flowSequence(anyLine)
    this.#depth--
    return value
  }

  #flowMapping(anyLine: boolean): unknown {
    const start = this.#at++
    const value: Record<string, unknown> = {}
    const children = this.#wantSpans ? new Map<string | number, SpanNode>() : null
    for (;;) {
      this.#skipFlowSpace(anyLine)
      if (this.#text.charCodeAt(this.#at) === 0x7d) break
      const keyStart = this.#at
      const key = this.#flowKey()
      const keyEnd = this.#at
      if (this.odd || Object.hasOwn(value, key) || this.#isOddKey(key)) return this.#refuse()
      this.#skipFlowSpace(anyLine)
      this.#at++ // The colon, which `#flowKey` has seen.
      this.#skipFlowSpace(anyLine)
      value[key] = this.#flowValue(anyLine)
      this.#keep(children, key, { start: keyStart, end: keyEnd })
      if (this.odd || !this.#separator(0x7d, anyLine)) break
    }
    return this.#closeFlow(value, start, children)
  }

  #flowSequence(anyLine: boolean): unknown {
    const start = this.#at++
    const value: unknown[] = []
    const children = this.#wantSpans ? new Map<string | number, SpanNode>() : null
    for (;;) {
      this.#skipFlowSpace(anyLine)
      if (this.#text.charCodeAt(this.#at) === 0x5d) break
      const item = this.#flowValue(anyLine)
      this.#keep(children, value.length, null)
      value.push(item)
      if (this.odd || !this.#separator(0x5d, anyLine)) break
    }
    return this.#closeFlow(value, start, children)
  }

  #flowValue(anyLine: boolean): unknown {
    const first = this.#text.charCodeAt(this.#at)
    if (first === 0x7b || first === 0x5b) return this.#flow(anyLine)
    const start = this.#at
    const quoted = first === 0x22 || first === 0x27
    const text = quoted ? this.#quotedText() : this.#flowPlainText()
    if (this.odd) return null
    const end = this.#at
    // `[a: b]` is a mapping in YAML, and `{a: b c` may go on in the next line: not for this reader.
    this.#skipFlowSpace(anyLine)
    const after = this.#text.charCodeAt(this.#at)
    if (after !== comma && after !== 0x5d && after !== 0x7d) return this.#refuse()
    return this.#scalarNode(quoted ? text : resolveCoreScalar(text), start, end)
  }

  #flowPlainText(): string {
    flowPlain.lastIndex = this.#at
    const match = flowPlain.exec(this.#text)
    if (match === null || /^(?:-(?: |$)|\.\.\.)/.test(match[0])) {
      this.odd = true
      return ""
    }
    const text = match[0].trimEnd()
    this.#at += text.length
    return text
  }

  /** After an item: true past a comma, false before the closing bracket. */
  #separator(close: number, anyLine: boolean): boolean {
    this.#skipFlowSpace(anyLine)
    const code = this.#text.charCodeAt(this.#at)
    if (code === comma) {
      this.#at++
      return true
    }
    if (code !== close) this.odd = true
    return false
  }

  #closeFlow(value: unknown, start: number, children: Map<string | number, SpanNode> | null): unknown {
    this.#at++
    if (this.#at > this.#end) this.odd = true
    if (children !== null) this.node = { start, end: this.#at, key: null, children }
    return value
  }

  #flowKey(): string {
    const first = this.#text.charCodeAt(this.#at)
    const quoted = first === 0x22 || first === 0x27
    const key = quoted ? this.#quotedText() : this.#flowPlainText()
    let after = this.#at
    while (this.#text.charCodeAt(after) === space) after++
    const next = this.#text.charCodeAt(after + 1)
    // `"a":1` is a pair; `a:1` is one plain scalar.
    if (this.#text.charCodeAt(after) !== colon || !(quoted || next === space)) this.odd = true
    return key
  }

  #key(): string {
    const first = this.#text.charCodeAt(this.#at)
    if (first === 0x22 || first === 0x27) {
      const key = this.#quotedText()
      if (!this.odd && !this.#colonFollows()) this.odd = true
      return key
    }
    blockKey.lastIndex = this.#at
    const match = blockKey.exec(this.#text)
    if (match === null || blockKey.lastIndex > this.#end) {
      this.odd = true
      return ""
    }
    this.#at = blockKey.lastIndex
    return match[0]
  }

  /** Whether a block mapping's key starts at `#at`. */
  #isKey(): boolean {
    const first = this.#text.charCodeAt(this.#at)
    if (first === 0x22 || first === 0x27) {
      const start = this.#at
      this.#quotedText()
      const isKey = !this.odd && this.#colonFollows()
      this.#at = start
      return isKey
    }
    blockKey.lastIndex = this.#at
    return blockKey.test(this.#text)
  }

  /** Keys that the full parser has something to say about. */
  #isOddKey(key: string): boolean {
    return key === "__proto__" || key === "<<" || key.startsWith("...") || key.length > 1000
  }

  #colonFollows(): boolean {
    let after = this.#at
    while (this.#text.charCodeAt(after) === space) after++
    if (this.#text.charCodeAt(after) !== colon) return false
    const next = this.#text.charCodeAt(after + 1)
    return next === space || next === newline || next === carriageReturn || after + 1 >= this.#end
  }

  /** Whether `#at` is a sequence's `-`. */
  #isDash(): boolean {
    if (this.#text.charCodeAt(this.#at) !== dash || this.#indent === -1) return false
    const next = this.#text.charCodeAt(this.#at + 1)
    return next === space || next === newline || next === carriageReturn || this.#at + 1 >= this.#end
  }

  #atLineEnd(): boolean {
    if (this.#at >= this.#end) return true
    const code = this.#text.charCodeAt(this.#at)
    return code === newline || (code === carriageReturn && this.#text.charCodeAt(this.#at + 1) === newline)
  }

  /** Past the rest of this line, which may hold only spaces and a comment, to the next content. */
  #finishLine(): void {
    if (this.odd) return
    const start = this.#at
    this.#skipSpaces()
    const comment = this.#text.charCodeAt(this.#at) === hash && this.#at > start
    if (comment || this.#atLineEnd()) this.#toContent()
    else this.odd = true
  }

  /** To the first character of the next line with content, from anywhere in blank or comment text. */
  #toContent(): void {
    const text = this.#text
    let at = this.#at
    // Only the first character of a document begins a line when we come here.
    let inLine = at !== this.#lineStart
    for (;;) {
      if (inLine) {
        at = text.indexOf("\n", at) + 1
        if (at === 0) at = this.#end
      }
      if (at >= this.#end) break
      this.#lineStart = at
      while (text.charCodeAt(at) === space) at++
      const code = text.charCodeAt(at)
      const blank =
        code === newline || code === hash || (code === carriageReturn && text.charCodeAt(at + 1) === newline)
      if (!blank && at < this.#end) {
        this.#at = at
        this.#indent = at - this.#lineStart
        return
      }
      inLine = true
    }
    this.#at = this.#end
    this.#indent = -1
  }

  #skipSpaces(): void {
    while (this.#at < this.#end && this.#text.charCodeAt(this.#at) === space) this.#at++
  }

  #skipFlowSpace(anyLine: boolean): void {
    for (; this.#at < this.#end; this.#at++) {
      const code = this.#text.charCodeAt(this.#at)
      if (code === space) continue
      if (anyLine && (code === newline || (code === carriageReturn && this.#text.charCodeAt(this.#at + 1) === newline)))
        continue
      return
    }
  }

  #scalarNode(value: unknown, start: number, end: number): unknown {
    if (this.#wantSpans) this.node = { start, end, key: null, children: null }
    return value
  }

  #keep(children: Map<string | number, SpanNode> | null, step: string | number, key: SpanNode["key"]): void {
    if (children !== null && this.node !== null) children.set(step, { ...this.node, key })
  }

  #refuse(): null {
    this.odd = true
    return null
  }
}
