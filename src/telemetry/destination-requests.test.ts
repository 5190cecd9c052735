import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { DestinationRequests, noGrpcStatus, notGrpc, seriesCountMax } from "./destination-requests.ts"
import { Histogram, histogramBounds } from "./histogram.ts"

describe("histograms", () => {
  test("a value counts in the bucket of the first bound that is not below it", () => {
    const histogram = new Histogram()
    for (const value of [0, 0.5, 0.6, 5, 3_600_000, 3_600_001]) histogram.observe(value)
    const counts = histogram.cumulativeCounts()
    expect([counts[0], counts[1], counts[2], counts.at(-1), histogram.count]).toEqual([2, 3, 4, 5, 6])
    expect(histogram.sum).toBe(7_200_007.1)
  })

  test("cumulative counts are what counting by hand gives", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1e7, noNaN: true })), (values) => {
        const histogram = new Histogram()
        for (const value of values) histogram.observe(value)
        expect(histogram.cumulativeCounts()).toEqual(
          histogramBounds.map((bound) => values.filter((value) => value <= bound).length),
        )
      }),
    )
  })
})

test("requests that ended alike are one series", () => {
  const requests = new DestinationRequests()
  requests.record(200, "", notGrpc, 3, 10, 20)
  requests.record(200, "", notGrpc, 4, 10, 20)
  requests.record(503, "UF,URX", notGrpc, 4, 10, 20)
  requests.record(200, "", 14, 4, 10, 20)
  expect(requests.series.map(({ status, flags, grpcStatus, count }) => [status, flags, grpcStatus, count])).toEqual([
    [200, "", notGrpc, 2],
    [503, "UF,URX", notGrpc, 1],
    [200, "", 14, 1],
  ])
})

test("a service with ever new status codes makes no more series than the limit, and none is lost", () => {
  const requests = new DestinationRequests()
  for (let status = 200; status < 600; status++) requests.record(status, "", notGrpc, 1, 0, 0)
  expect(requests.series.length).toBe(seriesCountMax)
  expect(requests.overflowSeries.map(({ count }) => count)).toEqual([400 - seriesCountMax])
})

test("beyond the limit calls of gRPC and plain requests are still told apart", () => {
  const requests = new DestinationRequests()
  for (let status = 200; status < 200 + seriesCountMax; status++) requests.record(status, "", notGrpc, 1, 0, 0)
  requests.record(500, "", notGrpc, 1, 0, 0)
  const first = requests.record(200, "", 3, 1, 0, 0)
  const second = requests.record(200, "", noGrpcStatus, 1, 0, 0)
  expect(second).toBe(first)
  expect(requests.overflowSeries.map(({ grpcStatus, count }) => [grpcStatus, count])).toEqual([
    [notGrpc, 1],
    [noGrpcStatus, 2],
  ])
})
