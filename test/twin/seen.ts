/** One exchange, as a running gateway shows it and as `explain` tells it, in a form that can be compared. */
import type { Outcome } from "../../src/explain/explanation.ts"

/** What one exchange shows, whichever side tells it. */
export interface Seen {
  readonly status: number
  readonly location: string | null
  /** Of the gateway's own answer; "" where a service answers. */
  readonly body: string
  /** `PORT` of the service and the head it got, without what is random; "" = none. */
  readonly upstream: string
}

export function asSeen({ cluster, upstreamRequest, response }: Outcome): Seen {
  if (response !== null) {
    const location = response.headers.find(({ name }) => name === "location")?.value ?? null
    return { status: response.status, location, body: response.body, upstream: "" }
  }
  if (upstreamRequest === null) throw new Error("neither forwarded nor answered")
  const [endpoint = ""] = cluster?.endpoints ?? []
  const lines = upstreamRequest.headers.map(({ name, value }) => `${name}: ${value}`)
  const head = `${upstreamRequest.method} ${upstreamRequest.path} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`
  return { status: 200, location: null, body: "", upstream: `${endpoint.split(":")[1]} ${withoutRandom(head)}` }
}

export function withoutRandom(head: string): string {
  return head.replace(/^x-request-id: .*$/m, "x-request-id: RANDOM").replaceAll(": \r\n", ":\r\n")
}
