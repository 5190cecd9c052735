/**
 * A stretch of a log line whose values seldom change from line to line (protocol, status, route, cluster, a client's user
 * agent). Its text is kept and used again as long as none of them changes: comparing is cheaper than escaping and joining.
 */

export type LogValue = string | number | null

type Render = (a: LogValue, b: LogValue, c: LogValue, d: LogValue, e: LogValue) => string

export class KeptRun {
  readonly #render: Render
  #a: LogValue = null
  #b: LogValue = null
  #c: LogValue = null
  #d: LogValue = null
  #e: LogValue = null
  #text: string

  /** @param render takes as many values as `of` is given */
  constructor(render: Render) {
    this.#render = render
    this.#text = render(null, null, null, null, null)
  }

  of(a: LogValue, b: LogValue = null, c: LogValue = null, d: LogValue = null, e: LogValue = null): string {
    if (a === this.#a && b === this.#b && c === this.#c && d === this.#d && e === this.#e) return this.#text
    this.#a = a
    this.#b = b
    this.#c = c
    this.#d = d
    this.#e = e
    this.#text = this.#render(a, b, c, d, e)
    return this.#text
  }
}
