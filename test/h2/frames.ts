/** HTTP/2 frames as tests write them: numbers, flags and payloads, well-formed or not (RFC 9113 sections 4.1 and 6). */
import { type Bytes, toBytes } from "../harness/raw-socket.ts"

export const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

export const DATA = 0
export const HEADERS = 1
export const PRIORITY = 2
export const RST_STREAM = 3
export const SETTINGS = 4
export const PUSH_PROMISE = 5
export const PING = 6
export const GOAWAY = 7
export const WINDOW_UPDATE = 8
export const CONTINUATION = 9

export const END_STREAM = 0x1
export const ACK = 0x1
export const END_HEADERS = 0x4
export const PADDED = 0x8
export const HAS_PRIORITY = 0x20

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly streamId: number
  readonly payload: Buffer
}

/** A request head as a service sees it. */
export interface DecodedRequest {
  readonly streamId: number
  readonly lines: readonly string[]
  readonly isEndStream: boolean
}

export type FieldList = readonly (readonly [name: string, value: string])[]

export const GET: FieldList = [
  [":method", "GET"],
  [":scheme", "http"],
  [":path", "/"],
  [":authority", "a.example"],
]

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

export function settingsPayload(...pairs: readonly (readonly [identifier: number, value: number])[]): Buffer {
  return Buffer.concat(
    pairs.map(([identifier, value]) => {
      const bytes = Buffer.alloc(6)
      bytes.writeUInt16BE(identifier)
      bytes.writeUInt32BE(value, 2)
      return bytes
    }),
  )
}

export function frameBytes(type: number, flags: number, streamId: number, payload: Bytes = ""): Buffer {
  const content = toBytes(payload)
  const head = Buffer.alloc(9)
  head.writeUIntBE(content.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(streamId, 5)
  return Buffer.concat([head, content])
}

/** The fields as literals that are never indexed. */
export function fieldBlock(fields: FieldList): Buffer {
  return Buffer.concat(
    fields.flatMap(([name, value]) => [Buffer.from([0]), lengthPrefixed(name), lengthPrefixed(value)]),
  )
}

function lengthPrefixed(text: string): Buffer {
  const content = Buffer.from(text, "latin1")
  if (content.length < 127) return Buffer.concat([Buffer.from([content.length]), content])
  const prefix = [127]
  let rest = content.length - 127
  for (; rest >= 128; rest = Math.floor(rest / 128)) prefix.push(128 + (rest % 128))
  return Buffer.concat([Buffer.from([...prefix, rest]), content])
}
