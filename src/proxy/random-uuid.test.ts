import { expect, test } from "bun:test"
import { randomUuid } from "./random-uuid.ts"

test("9562 section 5.4: version 4, variant 10, across batches, and no two alike", () => {
  const uuids = Array.from({ length: 2000 }, () => randomUuid())
  for (const uuid of uuids) {
    expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  }
  expect(new Set(uuids).size).toBe(2000)
})
