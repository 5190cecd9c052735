/**
 * The authority of a request, `Host` or `:authority`: is it one, and which host does it name.
 *
 * RFC 3986 section 3.2: `host [ ":" port ]`, where host is a registered name, an IPv4 address or `[IPv6]`. Refused beyond
 * the grammar, because two implementations could read it differently: userinfo (RFC 9110 section 4.2.4), an empty host,
 * a port over 65535, IPv6 zones and IPvFuture.
 */

const PERCENT = 0x25
const COLON = 0x3a
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d

const PORT_DIGITS_MAX = 5
const PORT_MAX = 65_535

/** 1 where a character may stand in a registered name: unreserved and sub-delims. `%` is looked at where it stands. */
const IS_NAME_CHAR = Uint8Array.from({ length: 128 }, (_, code) =>
  /[0-9A-Za-z\-._~!$&'()*+,;=]/.test(String.fromCharCode(code)) ? 1 : 0,
)

export function isValidAuthority(text: string): boolean {
  if (text.charCodeAt(0) === OPEN_BRACKET) {
    const close = text.indexOf("]")
    return close > 0 && isIpv6(text.slice(1, close)) && isPortOrEnd(text, close + 1)
  }
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (IS_NAME_CHAR[code] === 1) continue
    if (code === COLON) return i > 0 && isPortOrEnd(text, i)
    if (code !== PERCENT || !isHexDigit(text.charCodeAt(i + 1)) || !isHexDigit(text.charCodeAt(i + 2))) return false
  }
  return text.length > 0
}

/**
 * The name that virtual hosts are found by: port cut off, A-Z lower-cased; a trailing dot stays, brackets too
 * (Istio semantics sheet 2.2). The same string when there is nothing to do.
 * @param authority a valid one; of anything else, some text.
 */
export function hostWithoutPort(authority: string): string {
  let end = authority.length
  let hasUpperCase = false
  for (let i = 0; i < authority.length; i++) {
    const code = authority.charCodeAt(i)
    if (code >= 0x41 && code <= 0x5a) hasUpperCase = true
    else if (code === COLON) end = i
    // Colons inside the brackets are the address.
    else if (code === CLOSE_BRACKET) end = authority.length
  }
  const host = end === authority.length ? authority : authority.slice(0, end)
  return hasUpperCase ? host.toLowerCase() : host
}

/** Nothing more, or `:` and a port; RFC 3986 section 3.2.3 lets the port be empty. */
function isPortOrEnd(text: string, offset: number): boolean {
  if (offset === text.length) return true
  if (text.charCodeAt(offset) !== COLON) return false
  const start = offset + 1
  if (text.length - start > PORT_DIGITS_MAX) return false
  let port = 0
  for (let i = start; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30
    if (digit < 0 || digit > 9) return false
    port = port * 10 + digit
  }
  return port <= PORT_MAX
}

/** RFC 3986 section 3.2.2 `IPv6address`: eight groups, `::` for one or more of zeros, the last two maybe as IPv4. */
function isIpv6(text: string): boolean {
  const halves = text.split("::")
  if (halves.length > 2) return false
  const [head = "", tail] = halves
  const headGroups = countGroups(head, tail === undefined)
  const tailGroups = tail === undefined ? 0 : countGroups(tail, true)
  if (headGroups < 0 || tailGroups < 0) return false
  return tail === undefined ? headGroups === 8 : headGroups + tailGroups <= 7
}

/** 16-bit groups in a part without `::`; -1 when it is malformed. */
function countGroups(text: string, mayEndInIpv4: boolean): number {
  if (text === "") return 0
  const groups = text.split(":")
  let count = 0
  for (const [index, group] of groups.entries()) {
    if (/^[0-9A-Fa-f]{1,4}$/.test(group)) count += 1
    else if (mayEndInIpv4 && index === groups.length - 1 && isIpv4(group)) count += 2
    else return -1
  }
  return count
}

function isIpv4(text: string): boolean {
  return /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/.test(text)
}

function isHexDigit(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || ((code | 0x20) >= 0x61 && (code | 0x20) <= 0x66)
}
