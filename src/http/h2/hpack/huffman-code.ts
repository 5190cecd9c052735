/**
 * The Huffman code of HPACK (RFC 7541 appendix B). It is canonical: the lengths alone give the code, shorter codes first
 * and equal lengths in the order of their symbols. So the lengths are what is written down here; the rest is computed.
 */

/** Bits per byte value. */
const BYTE_CODE_LENGTHS: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
  28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6,
  5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23,
  22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22,
  23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26,
  20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27,
  27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27,
  27, 27, 27, 26,
]

/** The symbol that ends a string; only its first bits ever appear, as padding. */
export const EOS = 256
export const EOS_CODE_LENGTH = 30
const CODE_LENGTH_MAX = EOS_CODE_LENGTH

/** Bits per symbol, EOS included. */
export const CODE_LENGTHS: Uint8Array = Uint8Array.from([...BYTE_CODE_LENGTHS, EOS_CODE_LENGTH])

/** The code of each symbol, in its lowest bits. */
export const CODES: Uint32Array = canonicalCodes(CODE_LENGTHS)

function canonicalCodes(lengths: Uint8Array): Uint32Array {
  const codes = new Uint32Array(lengths.length)
  let next = 0
  for (let length = 1; length <= CODE_LENGTH_MAX; length++) {
    for (const [symbol, symbolLength] of lengths.entries()) {
      if (symbolLength === length) codes[symbol] = next++
    }
    next *= 2
  }
  return codes
}
