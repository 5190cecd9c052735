/**
 * Path rewriting (semantics sheet 3.2): pure text substitution on the path without its query; slashes are not repaired.
 */
import type { PathRewrite } from "../compile/snapshot.ts"
import { skipTarget } from "../http/h1/scan-fields.ts"

/**
 * @param path normalised path with query
 * @param pathLength length of `path` without its query
 * @returns the new path with the old query; null when the result could not be sent as a request target
 */
export function rewritePath(path: string, pathLength: number, rewrite: PathRewrite): string | null {
  const query = path.slice(pathLength)
  const rewritten = rewrittenPath(path.slice(0, pathLength), rewrite)
  return isTarget(rewritten) ? rewritten + query : null
}

/** RFC 9112 section 3.2.1: a target has no fragment; whoever cuts it off would see another path than we. */
function isTarget(path: string): boolean {
  return path.startsWith("/") && skipTarget(path, 0, path.length) === path.length && !path.includes("#")
}

function rewrittenPath(path: string, rewrite: PathRewrite): string {
  switch (rewrite.kind) {
    case "prefix":
      return rewrite.replacement + path.slice(rewrite.prefixLength)
    case "full":
      return rewrite.replacement
    case "regex":
      return rewrite.regex.replaceAll(path, rewrite.substitution)
  }
}
