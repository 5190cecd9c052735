/**
 * Reads a request head as the strictest server would, and says what is wrong with it. Apart from the gateway's own parser
 * and from the harness's lenient one on purpose: this is the judge of what may go upstream (RFC 9112 sections 2.2, 3, 5).
 */

const REQUEST_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) (\*|\/[!-"$-~\x80-\xff]*) HTTP\/1\.1$/
/** White space around a value is the sender's: it is forwarded as it came (RFC 9112 section 5). */
const FIELD_LINE =
  /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[\t ]*((?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?)[\t ]*$/
/** RFC 3986 reg-name, IPv4 address or IP literal, with an optional port. */
const AUTHORITY = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]+)(?::[0-9]*)?$/

export interface StrictHead {
  readonly target: string
  /** In order; names lower-cased. */
  readonly fields: readonly (readonly [name: string, value: string])[]
}

/** @param headText with its final empty line, latin1. @returns the head, or what is wrong with it. */
export function readStrictHead(headText: string): StrictHead | string {
  if (!headText.endsWith("\r\n\r\n")) return "no empty line at its end"
  const lines = headText.slice(0, -4).split("\r\n")
  const [first = "", ...rest] = lines
  const requestLine = REQUEST_LINE.exec(first)
  if (requestLine === null) return `not a request line: ${JSON.stringify(first)}`
  const fields: (readonly [string, string])[] = []
  for (const line of rest) {
    const field = FIELD_LINE.exec(line)
    if (field === null) return `not a field line: ${JSON.stringify(line)}`
    fields.push([(field[1] ?? "").toLowerCase(), field[2] ?? ""])
  }
  const valuesOf = (name: string) => fields.filter(([each]) => each === name).map(([, value]) => value)
  const [host, ...moreHosts] = valuesOf("host")
  if (host === undefined || moreHosts.length > 0) return "not exactly one Host"
  if (!AUTHORITY.test(host)) return `not an authority: ${JSON.stringify(host)}`
  const lengths = valuesOf("content-length")
  if (lengths.length > 1 || lengths.some((length) => !/^[0-9]+$/.test(length)))
    return "content-length is not one number"
  const codings = valuesOf("transfer-encoding")
  if (codings.length > 1 || codings.some((coding) => coding !== "chunked")) return "transfer-encoding is not chunked"
  if (lengths.length > 0 && codings.length > 0) return "content-length and transfer-encoding"
  return { target: requestLine[2] ?? "", fields }
}
