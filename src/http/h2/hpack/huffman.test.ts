import { expect, test } from "bun:test"
import fc from "fast-check"
import { CODE_LENGTHS, CODES, EOS } from "./huffman-code.ts"
import { decodedBytesMax, decodeHuffman } from "./huffman-decode.ts"
import { encodeHuffman, huffmanBytes } from "./huffman-encode.ts"

function encode(text: string): Buffer {
  const target = Buffer.alloc(huffmanBytes(text))
  expect(encodeHuffman(text, target, 0)).toBe(target.length)
  return target
}

function decode(bytes: Buffer): string | null {
  const target = Buffer.alloc(decodedBytesMax(bytes.length))
  const length = decodeHuffman(bytes, 0, bytes.length, target)
  return length < 0 ? null : target.toString("latin1", 0, length)
}

test.each([
  ["0", 0x0, 5],
  ["2", 0x2, 5],
  ["a", 0x3, 5],
  [" ", 0x14, 6],
  [":", 0x5c, 7],
  ["&", 0xf8, 8],
  ["!", 0x3f8, 10],
  ["#", 0xffa, 12],
  ["\0", 0x1ff8, 13],
  ["\\", 0x7fff0, 19],
  ["\u00ff", 0x3ffffee, 26],
  ["\r", 0x3ffffffd, 30],
])("RFC 7541 appendix B: the code of %j", (character, code, length) => {
  const symbol = character.charCodeAt(0)
  expect([CODES[symbol], CODE_LENGTHS[symbol]]).toEqual([code, length])
})

test("RFC 7541 appendix B: EOS is thirty ones, and the code is complete", () => {
  expect([CODES[EOS], CODE_LENGTHS[EOS]]).toEqual([0x3fffffff, 30])
  expect(CODE_LENGTHS.reduce((sum, length) => sum + 2 ** -length, 0)).toBe(1)
})

test("RFC 7541 C.4.1: www.example.com", () => {
  expect(encode("www.example.com").toString("hex")).toBe("f1e3c2e5f23a6ba0ab90f4ff")
})

test("every byte string comes back the same", () => {
  const byte = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code))
  fc.assert(fc.property(fc.string({ unit: byte, maxLength: 200 }), (text) => expect(decode(encode(text))).toBe(text)))
})

test("of every byte string at most one coding is accepted", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const text = decode(Buffer.from(bytes))
      if (text !== null) expect(encode(text)).toEqual(Buffer.from(bytes))
    }),
  )
})
