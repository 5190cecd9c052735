/**
 * Operators for parts of a request's path, for logs that must not hold queries (Envoy `access_log/usage.rst`,
 * `%PATH%`, `%REQ_WITHOUT_QUERY%`, `%QUERY_PARAM%`).
 */
import { type AccessLogRecord, type ReadValue, textOrNull } from "./access-log-record.ts"

type ReadPath = (record: AccessLogRecord) => string

const paths: ReadonlyMap<string, ReadPath> = new Map<string, ReadPath>([
  ["", (record) => record.originalPath],
  ["ORIG_OR_PATH", (record) => record.originalPath],
  // As in Envoy: there is an original only when the path was rewritten.
  ["ORIG", (record) => (record.originalPath === record.path ? "" : record.originalPath)],
  ["PATH", (record) => record.path],
])

/** `%PATH(WQ|NQ:ORIG|PATH|ORIG_OR_PATH)%`: with the query or without, as the client sent it or as it went upstream. */
export function compilePath(argument: string): ReadValue | { readonly error: string } {
  const [query = "", which = "", ...more] = argument.split(":")
  const read = paths.get(which)
  if (read === undefined || !["", "WQ", "NQ"].includes(query) || more.length > 0) {
    return { error: `needs (WQ or NQ, then :ORIG, :PATH or :ORIG_OR_PATH), and has (${argument})` }
  }
  const keepsQuery = query !== "NQ"
  return (record) => textOrNull(keepsQuery ? read(record) : withoutQuery(read(record)))
}

/** `%QUERY_PARAM(NAME)%`: the first of that name as it stands in the path, not decoded. */
export function compileQueryParameter(name: string): ReadValue | { readonly error: string } {
  if (name === "") return { error: "needs the name of a parameter, %QUERY_PARAM(NAME)%" }
  return ({ originalPath }) => {
    const start = originalPath.indexOf("?")
    if (start < 0) return null
    for (const parameter of originalPath.slice(start + 1).split("&")) {
      const [key = "", ...value] = parameter.split("=")
      if (key === name) return textOrNull(value.join("="))
    }
    return null
  }
}

export function withoutQuery(path: string): string {
  const start = path.indexOf("?")
  return start < 0 ? path : path.slice(0, start)
}
