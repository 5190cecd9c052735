import { expect, test } from "bun:test"
import { parseFigures } from "./load.ts"

test("the line of figures is found among what wrk prints", () => {
  const output = `Running 2s test @ http://127.0.0.1:1
  100 requests in 2.00s
figures requests=100 durationMicros=2000000 p50Micros=900 p99Micros=1800 failed=3
`
  expect(parseFigures(output)).toEqual({
    requests: 100,
    requestsPerSecond: 50,
    p50Micros: 900,
    p99Micros: 1800,
    failed: 3,
  })
})

test("output without figures is null", () => {
  expect(parseFigures("unable to connect to 127.0.0.1:1 Connection refused\n")).toBeNull()
})
