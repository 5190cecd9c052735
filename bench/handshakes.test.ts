import { expect, test } from "bun:test"
import { parseHandshakes } from "./handshakes.ts"

test("the count of connections in openssl s_time's report", () => {
  const report = `Collecting connection statistics for 2 seconds
tttt

1842 connections in 0.71s; 2594.37 connections/user sec, bytes read 0
1842 connections in 3 real seconds, 0 bytes read per connection
`
  expect(parseHandshakes(report)).toBe(1842)
  expect(parseHandshakes("ERROR")).toBe(0)
})
