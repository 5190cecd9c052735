/**
 * Asks a running gateway's admin interface. By node:http and not by fetch: fetch would go through the proxy that
 * `HTTP_PROXY` names, which knows another 127.0.0.1.
 */
import { get, type IncomingMessage } from "node:http"
import type { HostPort } from "./flag-parsers.ts"

export interface AdminAnswer {
  readonly status: number
  readonly text: string
}

/** A gateway that hangs must not hang whoever asks it. */
const answerMaxMs = 10_000

/** @returns an error when there is no answer: the end of a sentence. */
export function askAdmin(
  { host, port }: HostPort,
  path: string,
  timeoutMs = answerMaxMs,
): Promise<AdminAnswer | { readonly error: string }> {
  const { promise, resolve } = Promise.withResolvers<AdminAnswer | { readonly error: string }>()
  const request = get({ host, port, path, agent: false }, (response) => {
    collect(response).then(
      (text) => resolve({ status: response.statusCode ?? 0, text }),
      (error: unknown) => resolve({ error: reasonOf(error) }),
    )
  })
  request.on("error", (error) => resolve({ error: reasonOf(error) }))
  const timer = setTimeout(() => {
    resolve({ error: `it did not answer within ${timeoutMs / 1000} s` })
    request.destroy()
  }, timeoutMs)
  return promise.finally(() => clearTimeout(timer))
}

async function collect(response: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of response) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks).toString("utf8")
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : ""
  switch (code) {
    case "ECONNREFUSED":
      return "nothing listens there"
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "no such host is known"
    case "ECONNRESET":
      return "it closed the connection"
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return "that host cannot be reached"
    default:
      if (typeof code === "string" && /^(?:HPE_|Malformed)/.test(code)) return "it does not speak HTTP"
      return error instanceof Error ? error.message : String(error)
  }
}
