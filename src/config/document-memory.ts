/**
 * What was made of each document of the last load, found again by the document's very text: a reload of ten thousand
 * documents of which one changed reads one. Text decides and nothing else, so it does not matter which file a document
 * stands in, where, or what the file's times say.
 *
 * Nothing grows: what a load does not come across is forgotten when it ends.
 */

interface Remembered<Reading> {
  /** A copy of its own: a part of a file's text would keep all of that text. */
  readonly text: string
  readonly reading: Reading
}

export class DocumentMemory<Reading> {
  #last: ReadonlyMap<string, Remembered<Reading>> = new Map()
  #current = new Map<string, Remembered<Reading>>()

  /** @returns null when neither the last load nor this one has read such a document. */
  recall(text: string): Reading | null {
    const known = this.#current.get(text) ?? this.#last.get(text)
    if (known === undefined) return null
    this.#current.set(known.text, known)
    return known.reading
  }

  /** @param text a copy of its own; `ownCopy` makes one */
  remember(text: string, reading: Reading): void {
    this.#current.set(text, { text, reading })
  }

  /** A load has come to its end. */
  endLoad(): void {
    this.#last = this.#current
    this.#current = new Map()
  }

  get size(): number {
    return this.#last.size
  }
}

/** JavaScriptCore cuts strings without copying, and puts them together without copying: only bytes make a new one. */
export function ownCopy(text: string): string {
  return Buffer.from(text).toString()
}
