/**
 * A second, independent reading of an HTTP/1.1 request head: the grammar of RFC 9112 and 9110 as regular expressions, with
 * what this gateway refuses beyond them. Slow and small, so that it can be read beside the RFC; the fuzzer holds the real
 * parser against it.
 *
 * It only says what MUST be refused. Where it has no opinion the parser is free.
 */

const token = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+"
/** 9112 section 3, with the bytes over 127 that path normalisation escapes. */
const requestLine = new RegExp(`^(${token}) ([\\x21-\\x7e\\x80-\\xff]+) HTTP/1\\.1$`)
/** 9112 section 5: no white space before the colon, no obs-fold; 9110 section 5.5. */
const fieldLine = new RegExp(
  `^(${token}):[ \\t]*((?:[\\x21-\\x7e\\x80-\\xff](?:[\\t\\x20-\\x7e\\x80-\\xff]*[\\x21-\\x7e\\x80-\\xff])?)?)[ \\t]*$`,
)
/** 3986 section 3.2, without userinfo; the inside of brackets is judged loosely. */
const authority = /^(?:\[[0-9A-Fa-f:.]+\]|(?:[0-9A-Za-z\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})+)(?::[0-9]{0,5})?$/

export interface ReferenceHead {
  readonly method: string
  readonly target: string
  readonly fields: readonly (readonly [name: string, value: string])[]
}

/** @returns the head as read, or why it must be refused. @param text ends with the first CRLF CRLF in it. */
export function readReferenceHead(text: string): ReferenceHead | string {
  const lines = text.split("\r\n")
  if (lines.pop() !== "" || lines.pop() !== "") return "does not end with an empty line"
  const [first = "", ...rest] = lines
  const [, method = "", target = ""] = requestLine.exec(first) ?? []
  if (method === "") return "request line"
  const fields: (readonly [string, string])[] = []
  for (const line of rest) {
    const field = fieldLine.exec(line)
    if (field === null) return `field line ${JSON.stringify(line)}`
    fields.push([field[1] ?? "", field[2] ?? ""])
  }
  return whyRefused(method, target, fields) ?? { method, target, fields }
}

function whyRefused(method: string, target: string, fields: ReferenceHead["fields"]): string | null {
  const values = (wanted: string) => fields.filter(([name]) => name.toLowerCase() === wanted).map(([, value]) => value)

  // 9112 section 3.2: one Host, and a valid one.
  const [host = "", ...otherHosts] = values("host")
  if (otherHosts.length > 0 || !authority.test(host)) return "host"

  // 9112 section 6.
  const lengths = values("content-length")
  if (lengths.some((length) => !/^[0-9]+$/.test(length))) return "content-length is not digits"
  if (new Set(lengths.map(BigInt)).size > 1) return "content-length differs"
  const codings = values("transfer-encoding")
  if (codings.length > 1 || codings.some((coding) => coding.toLowerCase() !== "chunked")) return "transfer-encoding"
  if (codings.length > 0 && lengths.length > 0) return "content-length and transfer-encoding"

  // 9112 section 3.2: the four forms of a target.
  const isOrigin = target.startsWith("/")
  const isAbsolute = /^https?:\/\/[^/?#@]+(?:[/?#]|$)/i.test(target)
  const isAsterisk = target === "*" && method === "OPTIONS"
  return isOrigin || isAbsolute || isAsterisk || method === "CONNECT" ? null : "target"
}
