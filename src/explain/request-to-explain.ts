/**
 * A request as people write it down, `METHOD URL` and header lines, turned into the very bytes a client would send.
 * What those bytes mean is not judged here: the gateway's own parser does that, so that a malformed request is explained
 * as the refusal it gets.
 */

export interface RequestToExplain {
  readonly method: string
  /** `http://shop.example:8080/path?query`; without a scheme it is `http`, as curl reads it. */
  readonly url: string
  /** In order. A `Host` among them replaces the one of the URL. */
  readonly headers: readonly RequestHeader[]
  /** SNI; null = the URL's host, unless that is an IP address. Looked at for `https` only. */
  readonly serverName: string | null
  /** PEM of the client's certificate and those between it and an authority; "" = none is shown. */
  readonly clientCertificatePem: string
  /** `NAMESPACE/NAME`: only listeners of this Gateway; null = any. */
  readonly gateway: string | null
}

export interface RequestHeader {
  readonly name: string
  readonly value: string
}

export interface ParsedUrl {
  readonly scheme: "http" | "https"
  /** As written, port included. */
  readonly authority: string
  /** Without port and brackets. */
  readonly host: string
  /** As written, or the scheme's own. */
  readonly port: number
  /** Path and query, byte for byte; one character per byte. */
  readonly target: string
}

const portMax = 65_535

export function parseUrl(url: string): ParsedUrl | { readonly error: string } {
  const match = /^(?:([A-Za-z][A-Za-z0-9+.-]*):\/\/)?([^/?#]*)([^#]*)/.exec(url)
  const scheme = (match?.[1] ?? "http").toLowerCase()
  const authority = match?.[2] ?? ""
  const rest = match?.[3] ?? ""
  if (scheme !== "http" && scheme !== "https")
    return { error: `${quoted(url)} has the scheme ${scheme}, not http or https` }
  const place = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]@\s]+))(?::(\d{1,5}))?$/.exec(authority)
  const host = place?.[1] ?? place?.[2]
  if (host === undefined) return { error: `${quoted(url)} names no host: write http://HOST/PATH` }
  const port = place?.[3] === undefined ? (scheme === "https" ? 443 : 80) : Number(place[3])
  if (port < 1 || port > portMax) return { error: `${quoted(url)} has a port outside 1 to ${portMax}` }
  const target = rest === "" ? "/" : rest.startsWith("/") ? rest : `/${rest}`
  return { scheme, authority, host, port, target: Buffer.from(target).toString("latin1") }
}

/** `Name: value`, as curl's `-H` takes it. */
export function parseHeader(line: string): RequestHeader | { readonly error: string } {
  const colon = line.indexOf(":")
  if (colon < 1) return { error: `${quoted(line)} is not NAME: VALUE` }
  // A line break would make a field of its own: no client library sends one.
  if (/[\r\n\0]/.test(line)) return { error: `${quoted(line)} has a line break or NUL in it` }
  return { name: line.slice(0, colon), value: line.slice(colon + 1).trim() }
}

/** The HTTP/1.1 head of the request, latin1. */
export function requestHeadBytes(request: RequestToExplain, url: ParsedUrl): string {
  const hasHost = request.headers.some((header) => header.name.toLowerCase() === "host")
  let text = `${request.method} ${url.target} HTTP/1.1\r\n`
  if (!hasHost) text += `Host: ${url.authority}\r\n`
  for (const { name, value } of request.headers) text += `${name}: ${Buffer.from(value).toString("latin1")}\r\n`
  return `${text}\r\n`
}

function quoted(text: string): string {
  return JSON.stringify(text)
}
