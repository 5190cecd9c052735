import { expect, test } from "bun:test"
import { missingRuntimeHooks, missingTlsHooks } from "./self-check.ts"

test("this Bun has every hook the data path is built on", () => {
  expect(missingRuntimeHooks()).toBe("")
})

test("this Bun's sockets have every hook that TLS is built on", async () => {
  expect(await missingTlsHooks()).toBe("")
})
