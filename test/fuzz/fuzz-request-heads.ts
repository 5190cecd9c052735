/** One fuzzing run over request heads. */

import { parseRequestHead } from "../../src/http/h1/request-head.ts"
import { requestHeadText } from "../../src/http/h1/write-head.ts"
import { DEFAULT_HTTP_LIMITS } from "../../src/http/limits.ts"
import { BODY_NONE, BODY_UNKNOWN_LENGTH, RequestHead } from "../../src/http/message.ts"
import { headPieces, requestHeads } from "./head-corpus.ts"
import { mutate, SeededRandom } from "./mutate.ts"
import { type ReferenceHead, readReferenceHead } from "./reference-head.ts"

/** Enough to see what is wrong. */
const FAILURES_MAX = 10
/** Seeds, and the latest mutants that were accepted. */
const POOL_SIZE = 500
/** Longer ones find nothing that shorter ones do not. */
const POOL_HEAD_BYTES_MAX = 1024
/** The next hop's limits are not ours: the lines we add may be one too many for ours. */
const NEXT_HOP_LIMITS = { ...DEFAULT_HTTP_LIMITS, fieldCountMax: 200 }

export interface FuzzOutcome {
  readonly accepted: number
  readonly refused: number
  /** `what is wrong: the input as JSON` */
  readonly failures: readonly string[]
}

export function fuzzRequestHeads(runs: number, seed: number): FuzzOutcome {
  const random = new SeededRandom(seed)
  // Mutants that were accepted are mutated on: that is how the deep ones are reached.
  const pool = [...requestHeads]
  const head = new RequestHead()
  const failures: string[] = []
  let accepted = 0
  let refused = 0
  for (let run = 0; run < runs && failures.length < FAILURES_MAX; run++) {
    const text = completeHead(mutate(random.of(pool, ""), random, headPieces, pool))
    const result = parse(text, head)
    if (typeof result === "string") failures.push(`${result}: ${JSON.stringify(text)}`)
    else if (result < 0) refused++
    else {
      accepted++
      const wrong = whatIsWrong(text, head)
      if (wrong !== null) failures.push(`${wrong}: ${JSON.stringify(text)}`)
      if (text.length > POOL_HEAD_BYTES_MAX) continue
      if (pool.length < POOL_SIZE) pool.push(text)
      else pool[requestHeads.length + random.below(POOL_SIZE - requestHeads.length)] = text
    }
  }
  return { accepted, refused, failures }
}

/** The parser is given what ends with the first CRLF CRLF, never more. */
function completeHead(text: string): string {
  const end = text.indexOf("\r\n\r\n")
  return end < 0 ? `${text}\r\n\r\n` : text.slice(0, end + 4)
}

/** @returns 0, a Fault, or what it threw. */
function parse(text: string, head: RequestHead): number | string {
  try {
    const result = parseRequestHead(text, head, "http", DEFAULT_HTTP_LIMITS)
    return Number.isInteger(result) && result <= 0 ? result : `answered ${result}`
  } catch (error) {
    return `threw ${String(error)}`
  }
}

/** @returns null when the accepted head is what the reference reads too. */
function whatIsWrong(text: string, head: RequestHead): string | null {
  const reference = readReferenceHead(text)
  if (typeof reference === "string") return `accepted in spite of ${reference}`
  if (head.method !== reference.method) return "another method"
  const framing = framingOf(reference)
  if (head.bodyLength !== framing) return `body length ${head.bodyLength}, expected ${framing}`
  return whatIsWrongOnward(head)
}

function framingOf(reference: ReferenceHead): number {
  const value = (wanted: string) => reference.fields.find(([name]) => name.toLowerCase() === wanted)?.[1]
  if (value("transfer-encoding") !== undefined) return BODY_UNKNOWN_LENGTH
  const length = value("content-length")
  return length === undefined ? BODY_NONE : Number(length)
}

/** What goes upstream is read as the same request by the same parser: nothing changes its meaning on the way. */
function whatIsWrongOnward(head: RequestHead): string | null {
  if (head.method === "CONNECT") return null
  head.fields.dropNamed("transfer-encoding")
  head.fields.dropNamed("connection")
  head.fields.dropNamed("upgrade")
  head.fields.dropNamed("te")
  const again = new RequestHead()
  const result = parseRequestHead(requestHeadText(head), again, "http", NEXT_HOP_LIMITS)
  if (result !== 0) return `its own form is refused with ${result}`
  if (again.path !== head.path || again.authority !== head.authority) return "its own form names another resource"
  return again.bodyLength === head.bodyLength ? null : "its own form is framed differently"
}
