/**
 * Path normalisation `BASE`, Istio's default, before routing; the upstream receives the normalised path
 * (Istio semantics sheet 2.5; Envoy `PathUtil::canonicalPath`, which is Chromium's URL path canonicalisation).
 *
 * - `.` and `..` segments are resolved, also written with `%2e`; above the root they are dropped.
 * - `\` becomes `/`. Runs of `/` stay, and so does `%2F`.
 * - Percent-escapes of letters, digits, `-`, `_`, `~` and `.` are decoded; others keep the case of their hex digits.
 * - Bytes that may not stand in a path are escaped: controls, space, `" < > ^ { | }`, backtick, DEL and all above 127.
 * - The query is never touched. A `#fragment` is cut off.
 *
 * Envoy fails the request on a NUL, raw or as `%00`. A `%` without two hex digits is kept as it is, as Envoy keeps it;
 * where decoding would complete it to an escape that the client did not write (`%%34%31`), it becomes `%25`. So the
 * result is stable: normalising it again changes nothing, here or behind us.
 */

const PERCENT = 0x25
const DOT = 0x2e
const SLASH = 0x2f
const QUESTION = 0x3f
const BACKSLASH = 0x5c

const CharClass = Object.freeze({
  /** Stays as it is, and if escaped, stays escaped. */
  plain: 0,
  /** Stays as it is; if escaped, is decoded. RFC 3986 section 2.3 "unreserved". */
  unreserved: 1,
  /** Is escaped. */
  illegal: 2,
  /** `%`, `.`, `\`, `?`, `#`: looked at where it stands. */
  special: 3,
})

const CHAR_CLASS = Uint8Array.from({ length: 256 }, (_, code) => {
  const char = String.fromCharCode(code)
  if (/[%.\\?#]/.test(char)) return CharClass.special
  if (/[0-9A-Za-z_~-]/.test(char)) return CharClass.unreserved
  return /[!$&'()*+,/:;=@[\]]/.test(char) ? CharClass.plain : CharClass.illegal
})

/**
 * @param target origin-form: starts with `/`, one character per byte. Other forms (`*`, `host:port`) are the caller's.
 * @returns path and query; the same string when there is nothing to do. null = 400, `path_normalization_failed`.
 */
export function normalizePath(target: string): string | null {
  if (target.charCodeAt(0) !== SLASH) return null
  let end = target.length
  for (let i = 1; i < target.length; i++) {
    const code = target.charCodeAt(i)
    // `undefined` above 255 takes the slow way, which refuses it.
    const charClass = CHAR_CLASS[code]
    if (charClass === CharClass.plain || charClass === CharClass.unreserved) continue
    if (code === DOT) {
      if (target.charCodeAt(i - 1) !== SLASH || !startsDotSegment(target, i)) continue
    } else if (code === PERCENT) {
      const escaped = escapedByte(target, i)
      // `%25` and the like are as they should be.
      if (escaped > 0 && escaped !== DOT && CHAR_CLASS[escaped] !== CharClass.unreserved) continue
    } else if (code === QUESTION) {
      end = i
      break
    }
    return normalizeSlow(target)
  }
  return end < target.length && target.indexOf("#", end) >= 0 ? normalizeSlow(target) : target
}

function normalizeSlow(target: string): string | null {
  const hash = target.indexOf("#")
  const withoutFragment = hash < 0 ? target : target.slice(0, hash)
  const question = withoutFragment.indexOf("?")
  const path = question < 0 ? withoutFragment : withoutFragment.slice(0, question)
  const query = question < 0 ? "" : withoutFragment.slice(question)
  const spelled = normalizeSpelling(path)
  return spelled === null ? null : resolveDotSegments(spelled) + query
}

/** Backslashes, escapes, illegal bytes. @returns null on a NUL, and on what is no byte. */
function normalizeSpelling(path: string): string | null {
  let result = ""
  const strayPercents: number[] = []
  for (let i = 0; i < path.length; i++) {
    const code = path.charCodeAt(i)
    if (code === 0 || code > 255) return null
    if (code === BACKSLASH) {
      result += "/"
    } else if (code === PERCENT) {
      const escaped = escapedByte(path, i)
      if (escaped === 0) return null
      if (escaped < 0) {
        strayPercents.push(result.length)
        result += "%"
        continue
      }
      const decodes = escaped === DOT || CHAR_CLASS[escaped] === CharClass.unreserved
      result += decodes ? String.fromCharCode(escaped) : path.slice(i, i + 3)
      i += 2
    } else if (CHAR_CLASS[code] === CharClass.illegal) {
      result += `%${code.toString(16).toUpperCase().padStart(2, "0")}`
    } else {
      result += path.charAt(i)
    }
  }
  for (const offset of strayPercents.reverse()) {
    if (escapedByte(result, offset) >= 0) result = `${result.slice(0, offset)}%25${result.slice(offset + 1)}`
  }
  return result
}

/** RFC 3986 section 5.2.4. @param path starts with `/`. */
function resolveDotSegments(path: string): string {
  const segments = path.split("/")
  const kept: string[] = []
  for (let i = 1; i < segments.length; i++) {
    const segment = segments[i] ?? ""
    if (segment !== "." && segment !== "..") {
      kept.push(segment)
      continue
    }
    if (segment === "..") kept.pop()
    // A path that ends in a dot segment names a folder.
    if (i === segments.length - 1) kept.push("")
  }
  return `/${kept.join("/")}`
}

/** Whether the dot at `offset`, which follows a slash, is a whole segment `.`, or begins `..` (spelled in any way). */
function startsDotSegment(target: string, offset: number): boolean {
  return endsSegment(target, target.charCodeAt(offset + 1) === DOT ? offset + 2 : offset + 1)
}

/** Backslash, `#` and an escaped second dot need no mention: met by the loop, they lead to the slow way by themselves. */
function endsSegment(target: string, offset: number): boolean {
  if (offset >= target.length) return true
  const code = target.charCodeAt(offset)
  return code === SLASH || code === QUESTION
}

/** The byte that the escape at `offset` stands for, or -1 when it is none. */
function escapedByte(text: string, offset: number): number {
  const high = hexValue(text.charCodeAt(offset + 1))
  const low = hexValue(text.charCodeAt(offset + 2))
  return high < 0 || low < 0 ? -1 : high * 16 + low
}

/** -1 when it is no hex digit. */
function hexValue(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const lower = code | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : -1
}
