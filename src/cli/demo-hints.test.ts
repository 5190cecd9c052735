import { describe, expect, test } from "bun:test"
import { sampleSnapshot } from "../admin/admin.fixture.ts"
import { demoHints } from "./demo-hints.ts"

describe("lines to try", () => {
  test("forwarded requests first, on localhost first, with the port really bound", () => {
    const bound = [{ name: "0.0.0.0_8080", address: "127.0.0.1", port: 49152 }]
    expect(demoHints(sampleSnapshot(), bound)).toEqual([
      "curl -i http://localhost:49152/api",
      "curl -i -H 'Host: shop.example' http://localhost:49152/api",
      "curl -i http://localhost:49152/",
    ])
  })

  test("a listener that is not bound gives none", () => {
    expect(demoHints(sampleSnapshot(), [{ name: "other", address: "::", port: 1 }])).toEqual([])
  })
})
