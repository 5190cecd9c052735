/** Huffman-codes strings for HPACK (RFC 7541 section 5.2). */
import { CODE_LENGTHS, CODES } from "./huffman-code.ts"

/** Bytes that the text takes when coded, padding included. @param text one character per byte */
export function huffmanBytes(text: string): number {
  let bits = 0
  for (let index = 0; index < text.length; index++) bits += CODE_LENGTHS[text.charCodeAt(index) & 0xff] as number
  return (bits + 7) >> 3
}

/** Codes longer than this are added in two steps: with up to 7 bits before them they would overflow 32. */
const DIRECT_LENGTH_MAX = 24

/**
 * @param target room for `huffmanBytes(text)` bytes from `offset`
 * @returns offset after what was written
 */
export function encodeHuffman(text: string, target: Buffer, offset: number): number {
  let next = offset
  /** The lowest `pendingLength` bits wait to become bytes; at most 7 between symbols. */
  let pending = 0
  let pendingLength = 0
  for (let index = 0; index < text.length; index++) {
    const symbol = text.charCodeAt(index) & 0xff
    let code = CODES[symbol] as number
    let length = CODE_LENGTHS[symbol] as number
    if (length > DIRECT_LENGTH_MAX) {
      const restLength = length - 16
      pending = (pending << 16) | (code >>> restLength)
      pendingLength += 16
      while (pendingLength >= 8) {
        pendingLength -= 8
        target[next++] = (pending >>> pendingLength) & 0xff
      }
      pending &= 0xff
      code &= (1 << restLength) - 1
      length = restLength
    }
    pending = (pending << length) | code
    pendingLength += length
    while (pendingLength >= 8) {
      pendingLength -= 8
      target[next++] = (pending >>> pendingLength) & 0xff
    }
    pending &= 0xff
  }
  // Padding: the first bits of EOS, which are ones.
  if (pendingLength > 0) target[next++] = ((pending << (8 - pendingLength)) | ((1 << (8 - pendingLength)) - 1)) & 0xff
  return next
}
