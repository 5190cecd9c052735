import { expect, test } from "bun:test"
import { parseHttp2Load } from "./http2-load.ts"

const output = `starting benchmark...
Application protocol: h2
finished in 1.00s, 12288.00 req/s, 5.31MB/s
requests: 12288 total, 12448 started, 12288 done, 12287 succeeded, 1 failed, 1 errored, 0 timeout
status codes: 12280 2xx, 2 3xx, 4 4xx, 2 5xx
traffic: 5.31MB (5566464) total, 73.24KB (75000) headers (space savings 95.17%), 4.18MB (4386816) data
`

test("requests and what failed are found among what h2load prints", () => {
  expect(parseHttp2Load(output)).toEqual({ requests: 12_287, requestsPerSecond: 12_288, failed: 7 })
})

test("output without figures is null", () => {
  expect(parseHttp2Load("client could not connect to host\n")).toBeNull()
})
