/**
 * Reads one HTTP/1.1 message out of bytes (RFC 9112), for tests to look at what really went over the wire. Written apart
 * from the gateway's codec on purpose, and simple where that one is fast: it reads from the start each time.
 */

export type Field = readonly [name: string, value: string]

export interface RawMessage {
  readonly startLine: string
  /** Up to and with the empty line, as it came. */
  readonly headText: string
  readonly fields: readonly Field[]
  /** Without chunk framing. */
  readonly body: Buffer
  readonly trailers: readonly Field[]
  /** Length on the wire. */
  readonly byteLength: number
}

/** The values of a field, in order, joined as one list; null = absent. @param name any case */
export function fieldOf(fields: readonly Field[], name: string): string | null {
  const values = fields
    .filter(([candidate]) => candidate.toLowerCase() === name.toLowerCase())
    .map(([, value]) => value)
  return values.length === 0 ? null : values.join(", ")
}

/** The head of a message, whatever comes after it; null = not there yet. */
export function readHead(bytes: Buffer): Pick<RawMessage, "startLine" | "headText" | "fields"> | null {
  const end = bytes.indexOf("\r\n\r\n")
  if (end < 0) return null
  const headText = bytes.subarray(0, end + 4).toString("latin1")
  const [startLine = "", ...lines] = headText.slice(0, -4).split("\r\n")
  return { startLine, headText, fields: lines.map(readField) }
}

export type BodyRule = "by-fields" | "none"

/**
 * @param rule `none` for what never has a body, whatever its fields say: answers to HEAD, 1xx, 204, 304
 * @param isUntilClose whether a message without framing lasts until the end of the connection: true for responses
 * @param hasEnded whether no more bytes will come
 * @returns null = not complete
 */
export function readMessage(
  bytes: Buffer,
  rule: BodyRule,
  isUntilClose: boolean,
  hasEnded: boolean,
): RawMessage | null {
  const head = readHead(bytes)
  if (head === null) return null
  const start = head.headText.length
  const whole = (body: Buffer, byteLength: number, trailers: readonly Field[] = []): RawMessage => {
    return { ...head, body, trailers, byteLength }
  }
  if (rule === "none") return whole(Buffer.alloc(0), start)
  if (fieldOf(head.fields, "transfer-encoding") === "chunked") return readChunked(bytes, start, whole)
  const length = fieldOf(head.fields, "content-length")
  if (length !== null) {
    const end = start + Number(length)
    return bytes.length < end ? null : whole(bytes.subarray(start, end), end)
  }
  if (!isUntilClose) return whole(Buffer.alloc(0), start)
  return hasEnded ? whole(bytes.subarray(start), bytes.length) : null
}

function readChunked(
  bytes: Buffer,
  start: number,
  whole: (body: Buffer, byteLength: number, trailers: readonly Field[]) => RawMessage,
): RawMessage | null {
  const chunks: Buffer[] = []
  let offset = start
  for (;;) {
    const lineEnd = bytes.indexOf("\r\n", offset)
    if (lineEnd < 0) return null
    const size = Number.parseInt(bytes.subarray(offset, lineEnd).toString("latin1"), 16)
    if (!(size >= 0)) throw new Error(`not a chunk size: ${bytes.subarray(offset, lineEnd).toString("latin1")}`)
    offset = lineEnd + 2
    if (size === 0) break
    if (bytes.length < offset + size + 2) return null
    if (bytes.subarray(offset + size, offset + size + 2).toString("latin1") !== "\r\n") throw new Error("chunk overrun")
    chunks.push(bytes.subarray(offset, offset + size))
    offset += size + 2
  }
  const trailers: Field[] = []
  for (;;) {
    const lineEnd = bytes.indexOf("\r\n", offset)
    if (lineEnd < 0) return null
    const line = bytes.subarray(offset, lineEnd).toString("latin1")
    offset = lineEnd + 2
    if (line === "") return whole(Buffer.concat(chunks), offset, trailers)
    trailers.push(readField(line))
  }
}

function readField(line: string): Field {
  const colon = line.indexOf(":")
  return [line.slice(0, colon), line.slice(colon + 1).trim()]
}
