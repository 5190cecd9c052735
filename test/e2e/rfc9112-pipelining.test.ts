/**
 * RFC 9112 section 9.3.2: pipelined requests are answered in order, whatever they are and however the bytes of either side
 * are cut.
 */
import { expect, test } from "bun:test"
import fc from "fast-check"
import { startGateway } from "../harness/gateway-under-test.ts"
import { eventLoopTurn, RawClient } from "../harness/raw-client.ts"
import { rulesTo, SERVICE_HOST } from "../harness/routes-to.ts"
import { ScriptedUpstream, type UpstreamConnection } from "../harness/scripted-upstream.ts"

interface PlannedRequest {
  readonly method: "GET" | "POST" | "HEAD"
  /** `local` is answered by the gateway. */
  readonly place: "service" | "local"
  readonly framing: "none" | "length" | "chunked"
  readonly chunks: readonly string[]
  readonly trailer: boolean
  readonly responseFraming: "length" | "chunked"
}

const RULES = `
- { match: [{ uri: { prefix: /local } }], directResponse: { status: 200, body: { string: local } } }
- { route: [{ destination: { host: ${SERVICE_HOST} } }] }`

/** Bodies that look like what surrounds them. */
const chunk = fc.constantFrom("a", "\r\n", "0\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "\0\xff", "x".repeat(300))

const planned: fc.Arbitrary<PlannedRequest> = fc.record({
  method: fc.constantFrom("GET", "POST", "HEAD"),
  place: fc.constantFrom("service", "service", "local"),
  framing: fc.constantFrom("none", "length", "chunked"),
  chunks: fc.array(chunk, { maxLength: 4 }),
  trailer: fc.boolean(),
  responseFraming: fc.constantFrom("length", "chunked"),
})

function bodyOf(request: PlannedRequest): string {
  return request.framing === "none" ? "" : request.chunks.join("")
}

function chunked(chunks: readonly string[], trailers: string): string {
  const pieces = chunks.filter((piece) => piece !== "").map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`)
  return `${pieces.join("")}0\r\n${trailers}\r\n`
}

function bytesOf(request: PlannedRequest, index: number): string {
  const head = `${request.method} /${request.place}/${index} HTTP/1.1\r\nHost: a.example\r\n`
  switch (request.framing) {
    case "none":
      return `${head}\r\n`
    case "length":
      return `${head}Content-Length: ${bodyOf(request).length}\r\n\r\n${bodyOf(request)}`
    case "chunked":
      return `${head}Transfer-Encoding: chunked\r\n\r\n${chunked(request.chunks, request.trailer ? "X-T: 1\r\n" : "")}`
  }
}

/** Places to cut at, from fractions of the length. */
function cuts(fractions: readonly number[], length: number): number[] {
  return fractions.map((fraction) => Math.floor(fraction * length)).sort((a, b) => a - b)
}

async function sendCut(connection: UpstreamConnection, text: string, fraction: number): Promise<void> {
  const cut = Math.floor(fraction * text.length)
  connection.send(text.slice(0, cut))
  await eventLoopTurn()
  connection.send(text.slice(cut))
}

test("property: every request arrives as it was sent and is answered in its turn", async () => {
  let plan: readonly PlannedRequest[] = []
  let responseCut = 0
  await using upstream = ScriptedUpstream.start(({ request, connection }) => {
    const index = Number(request.target.split("/")[2])
    const body = `${index}:${request.body.toString("latin1")}`
    const framing =
      plan[index]?.responseFraming === "chunked" ? "Transfer-Encoding: chunked" : `Content-Length: ${body.length}`
    const head = `HTTP/1.1 200 OK\r\n${framing}\r\n\r\n`
    const sent = framing.startsWith("Content") ? body : chunked([body.slice(0, 3), body.slice(3)], "")
    void sendCut(connection, request.method === "HEAD" ? head : head + sent, responseCut)
  })
  await using gateway = await startGateway(rulesTo(upstream.port, RULES), { accessLog: false })
  const fraction = fc.double({ min: 0, max: 1, noNaN: true })

  await fc.assert(
    fc.asyncProperty(
      fc.array(planned, { minLength: 1, maxLength: 8 }),
      fc.array(fraction, { maxLength: 12 }),
      fraction,
      async (requests, fractions, upstreamFraction) => {
        plan = requests
        responseCut = upstreamFraction
        using client = await RawClient.connect(gateway.port(80))
        const bytes = requests.map(bytesOf).join("")
        await client.sendSplit(bytes, cuts(fractions, bytes.length))
        for (const [index, request] of requests.entries()) {
          const { status, text } = await client.readResponse(request.method)
          const whole = request.place === "local" ? "local" : `${index}:${bodyOf(request)}`
          expect([index, status, text]).toEqual([index, 200, request.method === "HEAD" ? "" : whole])
        }
        expect(client.peek().length).toBe(0)
      },
    ),
    { numRuns: 150 },
  )
  expect(gateway.counters.protocolErrors.size).toBe(0)
})
