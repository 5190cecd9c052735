import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { type FieldSink, HpackDecoder, HpackFault } from "./decoder.ts"
import type { HeaderField } from "./header-field.ts"

class Collected implements FieldSink {
  readonly lines: string[] = []
  onField(field: HeaderField, isNeverIndexed: boolean): void {
    this.lines.push(`${field.name}: ${field.value}${isNeverIndexed ? " (never indexed)" : ""}`)
  }
}

function bytesOf(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(" ", ""), "hex")
}

function decode(decoder: HpackDecoder, hex: string): readonly string[] | number {
  const bytes = bytesOf(hex)
  const sink = new Collected()
  const fault = decoder.decode(bytes, 0, bytes.length, sink)
  return fault === 0 ? sink.lines : fault
}

const REQUEST = [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"]
const REQUEST_3 = [
  ":method: GET",
  ":scheme: https",
  ":path: /index.html",
  ":authority: www.example.com",
  "custom-key: custom-value",
]
const RESPONSE = [
  ":status: 302",
  "cache-control: private",
  "date: Mon, 21 Oct 2013 20:13:21 GMT",
  "location: https://www.example.com",
]
const RESPONSE_3 = [
  ":status: 200",
  "cache-control: private",
  "date: Mon, 21 Oct 2013 20:13:22 GMT",
  "location: https://www.example.com",
  "content-encoding: gzip",
  "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
]

describe("RFC 7541 appendix C", () => {
  test("C.2.1: a literal with indexing enters the table", () => {
    const decoder = new HpackDecoder(4096)
    const lines = decode(decoder, "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572")
    expect(lines).toEqual(["custom-key: custom-header"])
    expect(decoder.table.sizeBytes).toBe(55)
  })

  test("C.2.2: a literal without indexing does not", () => {
    const decoder = new HpackDecoder(4096)
    expect(decode(decoder, "040c 2f73 616d 706c 652f 7061 7468")).toEqual([":path: /sample/path"])
    expect(decoder.table.count).toBe(0)
  })

  test("C.2.3: a never-indexed literal is told as one", () => {
    const decoder = new HpackDecoder(4096)
    expect(decode(decoder, "1008 7061 7373 776f 7264 0673 6563 7265 74")).toEqual(["password: secret (never indexed)"])
    expect(decoder.table.count).toBe(0)
  })

  test("C.2.4: an indexed field of the static table", () => {
    expect(decode(new HpackDecoder(4096), "82")).toEqual([":method: GET"])
  })

  test.each([
    [
      "C.3: requests without Huffman coding",
      "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
      "8286 84be 5808 6e6f 2d63 6163 6865",
      "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
    ],
    [
      "C.4: requests with Huffman coding",
      "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
      "8286 84be 5886 a8eb 1064 9cbf",
      "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
    ],
  ])("%s", (_name, first, second, third) => {
    const decoder = new HpackDecoder(4096)
    expect(decode(decoder, first)).toEqual(REQUEST)
    expect(decoder.table.sizeBytes).toBe(57)
    expect(decode(decoder, second)).toEqual([...REQUEST, "cache-control: no-cache"])
    expect(decoder.table.sizeBytes).toBe(110)
    expect(decode(decoder, third)).toEqual(REQUEST_3)
    expect([decoder.table.sizeBytes, decoder.table.count]).toEqual([164, 3])
  })

  test.each([
    [
      "C.5: responses without Huffman coding, with evictions",
      `4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d
       546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d`,
      "4803 3330 37c1 c0bf",
      `88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f
       6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b
       2076 6572 7369 6f6e 3d31`,
    ],
    [
      "C.6: responses with Huffman coding, with evictions",
      `4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7
       8f0b 97c8 e9ae 82ae 43d3`,
      "4883 640e ffc1 c0bf",
      `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335
       dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07`,
    ],
  ])("%s", (_name, first, second, third) => {
    const decoder = new HpackDecoder(256)
    expect(decode(decoder, first.replaceAll(/\s/g, ""))).toEqual(RESPONSE)
    expect(decoder.table.sizeBytes).toBe(222)
    expect(decode(decoder, second)).toEqual([":status: 307", ...RESPONSE.slice(1)])
    expect(decoder.table.sizeBytes).toBe(222)
    expect(decode(decoder, third.replaceAll(/\s/g, ""))).toEqual(RESPONSE_3)
    expect(decoder.table.sizeBytes).toBe(215)
  })
})

describe("faults", () => {
  test.each([
    ["RFC 7541 2.3.3: index 0 is an error", "80", HpackFault.badIndex],
    ["RFC 7541 2.3.3: an index over both tables is an error", "be", HpackFault.badIndex],
    ["RFC 7541 6.2: so it is as the name of a literal", "7e 01 61", HpackFault.badIndex],
    ["RFC 7541 4.2: a table size update after a field is an error", "82 3f e1 1f", HpackFault.lateTableSizeUpdate],
    ["RFC 7541 6.3: a table size over the announced one is an error", "3f e2 1f", HpackFault.tableTooLarge],
    ["RFC 7541 5.1: an integer without end is an error", "ff 80 80 80 80 80 80 00", HpackFault.integerTooLarge],
    ["RFC 7541 5.1: an integer that is cut is an error", "ff 80", HpackFault.truncated],
    ["RFC 7541 5.2: a string longer than the block is an error", "00 05 61", HpackFault.truncated],
    ["RFC 7541 5.2: a literal without its value is an error", "00 01 61", HpackFault.truncated],
    ["RFC 7541 5.2: padding of more than seven bits is an error", "00 01 61 82 1f ff", HpackFault.badHuffman],
    ["RFC 7541 5.2: padding that is not of ones is an error", "00 01 61 81 18", HpackFault.badHuffman],
    ["RFC 7541 5.2: a string that contains EOS is an error", "00 01 61 84 ff ff ff ff", HpackFault.badHuffman],
  ])("%s", (_name, hex, fault) => {
    expect(decode(new HpackDecoder(4096), hex)).toBe(fault)
  })

  test("an update to the announced size itself is accepted, and so are two in a row (RFC 7541 4.2)", () => {
    expect(decode(new HpackDecoder(4096), "20 3f e1 1f 82")).toEqual([":method: GET"])
  })

  test("a size of zero empties the table (RFC 7541 4.3)", () => {
    const decoder = new HpackDecoder(4096)
    decode(decoder, "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572")
    expect(decode(decoder, "20 be")).toBe(HpackFault.badIndex)
  })

  test("a field larger than the table empties it and is still delivered (RFC 7541 4.4)", () => {
    const decoder = new HpackDecoder(64)
    decode(decoder, "40 01 61 01 62")
    expect(decoder.table.count).toBe(1)
    const value = "x".repeat(60)
    const hex = `40 01 61 3c ${Buffer.from(value).toString("hex")}`
    expect(decode(decoder, hex)).toEqual([`a: ${value}`])
    expect([decoder.table.count, decoder.table.sizeBytes]).toEqual([0, 0])
  })

  test("any bytes give fields or a fault, and the table stays within its size", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 80 }), { maxLength: 5 }), (blocks) => {
        const decoder = new HpackDecoder(256)
        for (const block of blocks) {
          const bytes = Buffer.from(block)
          const fault = decoder.decode(bytes, 0, bytes.length, new Collected())
          expect(fault).toBeLessThanOrEqual(0)
          expect(decoder.table.sizeBytes).toBeLessThanOrEqual(256)
          if (fault < 0) return
        }
      }),
    )
  })
})
