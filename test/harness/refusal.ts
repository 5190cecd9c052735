/**
 * What every refused request has in common (DESIGN rules 4 and 7): an exact answer, the connection closed, nothing behind
 * it served, nothing sent upstream, and the reason in the access log and in a counter.
 */
import { expect } from "bun:test"
import type { HttpLimits } from "../../src/http/limits.ts"
import { startGateway } from "./gateway-under-test.ts"
import { eventLoopTurn, RawClient } from "./raw-client.ts"
import { routesTo } from "./routes-to.ts"
import { ScriptedUpstream } from "./scripted-upstream.ts"

export interface Refusal {
  readonly status: number
  readonly body: string
  /** `%RESPONSE_CODE_DETAILS%` */
  readonly details: string
  /** Name of the counter that moves. */
  readonly fault: string
}

/** The answer to what breaks the syntax. */
export function badRequest(fault: string, details = "http1.codec_error"): Refusal {
  return { status: 400, body: "Bad Request", details, fault }
}

/** Sent behind every refused request: whoever reads it as a request has been smuggled one. */
const SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n"

/** Sends the bytes in one piece, and once more byte by byte; both must be refused alike. */
export async function expectRefused(
  request: string,
  refusal: Refusal,
  limits: Partial<HttpLimits> = {},
): Promise<void> {
  await expectRefusedAsSent(request, refusal, limits, async (client, bytes) => client.send(bytes))
  await expectRefusedAsSent(request, { ...refusal, fault: "" }, limits, async (client, bytes) => {
    for (let offset = 0; offset < bytes.length && !client.isClosed; offset++) {
      client.send(bytes.slice(offset, offset + 1))
      await eventLoopTurn()
    }
  })
}

/** @param refusal an empty `fault` = the counter may have any name: a byte at a time, another rule may see it first */
async function expectRefusedAsSent(
  request: string,
  refusal: Refusal,
  limits: Partial<HttpLimits>,
  send: (client: RawClient, bytes: string) => Promise<void>,
): Promise<void> {
  await using upstream = ScriptedUpstream.start()
  await using gateway = await startGateway(routesTo(upstream.port), { limits })
  using client = await RawClient.connect(gateway.port(80))
  await send(client, request + SMUGGLED)
  const response = await client.readResponse(request.startsWith("HEAD ") ? "HEAD" : "GET")
  expect({ status: response.status, body: response.text }).toEqual({ status: refusal.status, body: refusal.body })
  expect(response.field("connection")).toBe("close")
  expect((await client.untilClosed()).toString("latin1")).toBe("")

  expect(upstream.connections.length).toBe(0)
  const { responseCode, responseFlags, responseCodeDetails } = await gateway.record(0)
  const logged = { responseCode, responseFlags, responseCodeDetails }
  const { status, details } = refusal
  expect(logged).toEqual({ responseCode: status, responseFlags: "DPE", responseCodeDetails: details })
  expect(gateway.records.length).toBe(1)
  const counted = [...gateway.counters.protocolErrors]
  if (refusal.fault !== "") expect(counted).toEqual([[refusal.fault, 1]])
  else expect(counted.map(([, count]) => count)).toEqual([1])
}
