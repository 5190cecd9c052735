import { expect, test } from "bun:test"
import { missingRuntimeHooks } from "./self-check.ts"

test("this Bun has every hook the data path is built on", () => {
  expect(missingRuntimeHooks()).toBe("")
})
