/**
 * Which `Referer` values are passed on (semantics sheet 4.1; Envoy `ConnectionManagerUtility::mutateRequestHeaders`): a URI
 * or a relative reference, without userinfo and without a fragment (RFC 9110 section 10.1.3).
 */

const SLASH = 0x2f
const QUESTION = 0x3f
const COLON = 0x3a
const AT = 0x40

/** Characters of a URI (RFC 3986 section 2) other than `#`. */
const URI_TEXT = /^[!$%&'()*+,./0-9:;=?@A-Z[\]_a-z~-]+$/

export function isValidReferer(value: string): boolean {
  if (!URI_TEXT.test(value)) return false
  const slashes = value.indexOf("//")
  if (!startsAuthority(value, slashes)) return true
  for (let offset = slashes + 2; offset < value.length; offset++) {
    const code = value.charCodeAt(offset)
    if (code === AT) return false
    if (code === SLASH || code === QUESTION) return true
  }
  return true
}

/** Whether the first `//` comes first of all, or right after a scheme; elsewhere it is part of a path or query. */
function startsAuthority(value: string, slashes: number): boolean {
  if (slashes <= 0) return slashes === 0
  for (let offset = 0; offset < slashes; offset++) {
    const code = value.charCodeAt(offset)
    if (code === SLASH || code === QUESTION) return false
  }
  return value.charCodeAt(slashes - 1) === COLON
}
