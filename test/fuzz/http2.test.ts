/** Fuzzes whole HTTP/2 connections. More: `bun test/fuzz/run.ts --runs N`. */
import { expect, test } from "bun:test"
import { fuzzHttp2 } from "./fuzz-http2.ts"

test("5,000 connections of mutated frames: nothing throws, no split matters, no request is unsafe for HTTP/1.1", () => {
  const { accepted, refused, failures } = fuzzHttp2(5_000, 1)
  expect(failures).toEqual([])
  expect([accepted > 500, refused > 500]).toEqual([true, true])
})
