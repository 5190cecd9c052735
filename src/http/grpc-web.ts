/**
 * gRPC-Web on the wire: what browsers can send of gRPC (gRPC `doc/PROTOCOL-WEB.md`). Messages are framed as in gRPC, the
 * trailers come as one more frame in the body, and the text form is all of it in base64.
 *
 *   frame:   1 byte flags (0x80 = trailers) ┃ 4 bytes length ┃ message, or `name:value\r\n` lines
 *   text:    base64 of whole frames, padded wherever one ends
 *
 * Pure, and incremental both ways: at most three bytes wait for their neighbours, however large a message is.
 */

export const GRPC_WEB_PROTO = "application/grpc-web+proto"
export const GRPC_WEB_TEXT_PROTO = "application/grpc-web-text+proto"

const FRAME_HEAD_BYTES = 5
const TRAILERS_FLAG = 0x80
const PADDING = 0x3d

export type GrpcWebForm = "binary" | "text"

/** The form that a media type names; null = it is not gRPC-Web. As Envoy: four exact types. */
export function grpcWebFormOf(mediaType: string): GrpcWebForm | null {
  switch (mediaType) {
    case "application/grpc-web":
    case GRPC_WEB_PROTO:
      return "binary"
    case "application/grpc-web-text":
    case GRPC_WEB_TEXT_PROTO:
      return "text"
    default:
      return null
  }
}

/** @param lines `name: value\r\n` of the message model. @returns the frame that says them in a body */
export function trailersFrame(lines: string): Buffer {
  let text = ""
  for (const line of lines.split("\r\n")) {
    const colon = line.indexOf(":")
    if (colon > 0) text += `${line.slice(0, colon).toLowerCase()}:${line.slice(colon + 1).trim()}\r\n`
  }
  const frame = Buffer.allocUnsafe(FRAME_HEAD_BYTES + text.length)
  frame.writeUInt8(TRAILERS_FLAG, 0)
  frame.writeUInt32BE(text.length, 1)
  frame.write(text, FRAME_HEAD_BYTES, "latin1")
  return frame
}

/** Value of each base64 character; -1 = it is none. */
const SEXTETS = new Int8Array(256).fill(-1)
for (const [index, character] of [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"].entries()) {
  SEXTETS[character.charCodeAt(0)] = index
}

/** Base64 in pieces to bytes. Padding is mandatory, and may end any group of four: frames are encoded one by one. */
export class Base64Decoder {
  readonly #group = new Uint8Array(4)
  #groupLength = 0

  /** @returns the decoded bytes, perhaps none; null when it is not base64 */
  decode(bytes: Buffer, start: number, end: number): Buffer | null {
    const group = this.#group
    const decoded = Buffer.allocUnsafe(((this.#groupLength + end - start) >> 2) * 3)
    let written = 0
    for (let offset = start; offset < end; offset++) {
      group[this.#groupLength++] = bytes[offset] as number
      if (this.#groupLength < 4) continue
      this.#groupLength = 0
      const length = decodeGroup(group, decoded, written)
      if (length < 0) return null
      written += length
    }
    return decoded.subarray(0, written)
  }

  /** No group is incomplete. */
  get isAtBoundary(): boolean {
    return this.#groupLength === 0
  }
}

/** @returns how many bytes were written; -1 when the group is not base64 */
function decodeGroup(group: Uint8Array, decoded: Buffer, offset: number): number {
  const padding = group[3] !== PADDING ? 0 : group[2] !== PADDING ? 1 : 2
  const first = SEXTETS[group[0] as number] as number
  const second = SEXTETS[group[1] as number] as number
  const third = padding === 2 ? 0 : (SEXTETS[group[2] as number] as number)
  const fourth = padding > 0 ? 0 : (SEXTETS[group[3] as number] as number)
  if ((first | second | third | fourth) < 0) return -1
  const bits = (first << 18) | (second << 12) | (third << 6) | fourth
  // What is padded away must be zero: else two texts would mean the same bytes (RFC 4648 section 3.5).
  if (padding > 0 && (bits & (padding === 1 ? 0xff : 0xffff)) !== 0) return -1
  decoded[offset] = bits >> 16
  if (padding < 2) decoded[offset + 1] = bits >> 8
  if (padding < 1) decoded[offset + 2] = bits
  return 3 - padding
}

/** Frames in pieces to base64: what is complete of a frame goes on at once, its last group is padded. */
export class FrameBase64Encoder {
  /** Bytes of the present frame's head that have come. */
  #headLength = 0
  #payloadLeft = 0
  /** One or two bytes of the present frame that have no third yet. */
  #rest: Buffer = NO_BYTES

  encode(bytes: Buffer, start: number, end: number): string {
    let text = ""
    for (let offset = start; offset < end; ) {
      const pieceEnd = this.#endOfPiece(bytes, offset, end)
      text += this.#encodePiece(bytes.subarray(offset, pieceEnd))
      if (this.#headLength === FRAME_HEAD_BYTES && this.#payloadLeft === 0) text += this.finish()
      offset = pieceEnd
    }
    return text
  }

  /** The frame is over, or as much of it as will ever come. */
  finish(): string {
    const text = this.#rest.toString("base64")
    this.#rest = NO_BYTES
    this.#headLength = 0
    this.#payloadLeft = 0
    return text
  }

  /** Reads what there is of the frame. @returns offset after what belongs to it */
  #endOfPiece(bytes: Buffer, start: number, end: number): number {
    let offset = start
    while (offset < end && this.#headLength < FRAME_HEAD_BYTES) {
      // The flags are no part of the length.
      if (this.#headLength > 0) this.#payloadLeft = this.#payloadLeft * 256 + (bytes[offset] as number)
      this.#headLength++
      offset++
    }
    if (this.#headLength < FRAME_HEAD_BYTES) return offset
    const length = Math.min(this.#payloadLeft, end - offset)
    this.#payloadLeft -= length
    return offset + length
  }

  #encodePiece(piece: Buffer): string {
    const joined = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece])
    const wholeLength = joined.length - (joined.length % 3)
    // A copy: what came is only ours during the call.
    this.#rest = wholeLength === joined.length ? NO_BYTES : Buffer.from(joined.subarray(wholeLength))
    return joined.subarray(0, wholeLength).toString("base64")
  }
}

const NO_BYTES = Buffer.alloc(0)
