/** The `location` of redirects (semantics sheet 1.7, 3.3). */
import type { RedirectAction, RouteMatch } from "../compile/snapshot.ts"
import type { RequestHead } from "../http/message.ts"

/** Gateway `tls.httpsRedirect`: Host with its port, path and query unchanged. */
export function httpsRedirectLocation(request: RequestHead): string {
  return `https://${request.authority}${withLeadingSlash(request.path)}`
}

/**
 * `scheme://host[:port]path[?query]`.
 * @param match of the route: `prefixRewrite` replaces its prefix
 */
export function redirectLocation(request: RequestHead, action: RedirectAction, match: RouteMatch): string {
  const scheme = action.scheme ?? request.scheme
  return sendable(`${scheme}://${redirectAuthority(request, action, scheme)}${redirectPath(request, action, match)}`)
}

function redirectAuthority(request: RequestHead, action: RedirectAction, scheme: string): string {
  const [host, ownPort] = splitPort(action.authority ?? request.authority)
  if (action.port !== null) return isDefaultPort(scheme, String(action.port)) ? host : `${host}:${action.port}`
  // An authority of the rule's own is taken as it is written.
  if (action.authority !== null || ownPort === "") return action.authority ?? request.authority
  // The old scheme's default port would be wrong with a new scheme.
  const isLeftOver = scheme !== request.scheme && isDefaultPort(request.scheme, ownPort)
  return isLeftOver ? host : request.authority
}

function redirectPath(request: RequestHead, action: RedirectAction, match: RouteMatch): string {
  const path = request.path.slice(0, request.pathLength)
  const query = request.path.slice(request.pathLength)
  if (action.path !== null) {
    const target = withLeadingSlash(action.path)
    return target.includes("?") ? target : target + query
  }
  if (action.prefixRewrite !== null) {
    const prefixLength = match.path.kind === "prefix" ? match.path.value.length : 1
    return withLeadingSlash(action.prefixRewrite + path.slice(prefixLength)) + query
  }
  return withLeadingSlash(path) + query
}

function withLeadingSlash(path: string): string {
  return path.startsWith("/") ? path : `/${path}`
}

function isDefaultPort(scheme: string, port: string): boolean {
  return (scheme === "http" && port === "80") || (scheme === "https" && port === "443")
}

/** Whatever the rule's texts hold, the field stays one line without white space. */
function sendable(location: string): string {
  return location.replace(
    /[\0-\x20\x7f]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
  )
}

/** `host:80` to `["host", "80"]`; IPv6 brackets stay with the host. */
function splitPort(authority: string): readonly [string, string] {
  const port = /:([0-9]*)$/.exec(authority)
  return port === null ? [authority, ""] : [authority.slice(0, port.index), port[1] ?? ""]
}
