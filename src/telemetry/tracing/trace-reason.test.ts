import { expect, test } from "bun:test"
import { packTraceReason } from "./trace-reason.ts"

test("the first digit of the third group says why a request is recorded (Envoy UuidRequestIdConfig)", () => {
  const id = "01234567-89ab-4cde-8f01-23456789abcd"
  expect(packTraceReason(id, "sampled")).toBe("01234567-89ab-9cde-8f01-23456789abcd")
  expect(packTraceReason(id, "client-forced")).toBe("01234567-89ab-bcde-8f01-23456789abcd")
  expect(packTraceReason(packTraceReason(id, "sampled"), "not-traced")).toBe(id)
})
