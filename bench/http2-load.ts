/** HTTP/2 load: h2load, one thread, connections that stay, several streams at once on each. */
import { findProgram } from "./proxies/proxy.ts"

const connections = 16
const streamsPerConnection = 10

/** The path and the fields of requests.lua, as HTTP/2 has them. */
export const browserPath = "/api/v1/products/lantern?currency=EUR&lang=en"
export const browserFields: readonly string[] = [
  "user-agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
  "accept: application/json, text/plain, */*",
  "accept-encoding: gzip, deflate, br, zstd",
  "accept-language: en-GB,en;q=0.9,de;q=0.8",
  "cache-control: no-cache",
  "cookie: session=3f9a6e0c1b7d4e52a8c0f1d2e3b4a596; theme=dark; consent=necessary,statistics; cart=eyJpdGVtcyI6W10sInRvdGFsIjowfQ",
  "pragma: no-cache",
  "priority: u=1, i",
  "referer: https://shop.bench.example/products?category=lighting&page=2",
  'sec-ch-ua: "Chromium";v="126", "Not/A)Brand";v="8"',
  "sec-ch-ua-mobile: ?0",
  'sec-ch-ua-platform: "Linux"',
  "sec-fetch-dest: empty",
  "sec-fetch-mode: cors",
  "sec-fetch-site: same-origin",
]

export interface Http2LoadFigures {
  readonly requests: number
  readonly requestsPerSecond: number
  /** Not 2xx, or broken off. */
  readonly failed: number
}

export interface Http2Request {
  /** `https` speaks HTTP/2 by ALPN, `http` with prior knowledge. */
  readonly url: string
  /** `:authority` */
  readonly host: string
  readonly fields: readonly string[]
  /** Its contents are POSTed; "" = a GET. */
  readonly bodyFile: string
}

/** Sends the same request over and over. Throws when h2load cannot be run. */
export async function runHttp2Load(request: Http2Request, durationSeconds: number): Promise<Http2LoadFigures> {
  const { url, host, fields, bodyFile } = request
  const options = ["-t1", `-c${connections}`, `-m${streamsPerConnection}`, `-D${durationSeconds}`]
  const fieldOptions = [`:authority: ${host}`, ...fields].flatMap((field) => ["-H", field])
  const body = bodyFile === "" ? [] : ["-d", bodyFile]
  const command = [findProgram("h2load") ?? "h2load", ...options, ...fieldOptions, ...body, url]
  const run = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "pipe" })
  const [output, problems] = await Promise.all([run.stdout.text(), run.stderr.text()])
  const figures = parseHttp2Load(output)
  if ((await run.exited) !== 0 || figures === null) throw new Error(`h2load failed: ${problems}${output}`)
  return figures
}

/** Reads what h2load prints at its end; null when it is not that. */
export function parseHttp2Load(output: string): Http2LoadFigures | null {
  const rate = /^finished in [\d.]+m?s, ([\d.]+) req\/s/m.exec(output)?.[1]
  const requests = /^requests: \d+ total, \d+ started, \d+ done, (\d+) succeeded, (\d+) failed, (\d+) errored/m.exec(
    output,
  )
  const statuses = /^status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx/m.exec(output)
  if (rate === undefined || requests === null || statuses === null) return null
  const [, , , refused = 0, broken = 0] = statuses.map(Number)
  const [, succeeded = 0, , errored = 0] = requests.map(Number)
  return { requests: succeeded, requestsPerSecond: Number(rate), failed: errored + refused + broken }
}
