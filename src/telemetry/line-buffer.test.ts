import { expect, test } from "bun:test"
import fc from "fast-check"
import { LineBuffer } from "./line-buffer.ts"

test("what was appended comes back byte for byte, whatever the sizes", () => {
  const byteText = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString("latin1"))
  fc.assert(
    fc.property(fc.array(fc.array(byteText)), fc.integer({ min: 1, max: 64 }), (batches, initialBytes) => {
      const buffer = new LineBuffer(initialBytes)
      for (const lines of batches) {
        for (const line of lines) buffer.append(line)
        expect(buffer.length).toBe(lines.join("").length)
        expect(Buffer.from(buffer.bytes()).toString("latin1")).toBe(lines.join(""))
        buffer.clear()
        expect(buffer.length).toBe(0)
      }
    }),
  )
})

test("bytes that are being written stay as they are while another buffer fills", () => {
  const buffer = new LineBuffer(4)
  buffer.append("first\n")
  const bytes = buffer.bytes()
  new LineBuffer(4).append("second\n")
  expect(Buffer.from(bytes).toString()).toBe("first\n")
})
