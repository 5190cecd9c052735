/**
 * Who may speak to the admin interface. It listens on loopback, but a browser on the same machine is a way in for any
 * web page: by a cross-site form (foreign Origin) or by a name that resolves to 127.0.0.1 (DNS rebinding, foreign Host).
 * Both are refused, whatever the method.
 */
import { isIP } from "node:net"

/** @returns why the request is refused; null = it may pass. */
export function refuseForeignRequest(headers: Headers): string | null {
  const host = headers.get("host")
  if (host === null || !isOwnHost(host)) return "the Host must be an IP address or localhost"
  const origin = headers.get("origin")
  if (origin !== null && origin.toLowerCase() !== `http://${host.toLowerCase()}`) return "the Origin is another site"
  return null
}

/** `127.0.0.1:15000`, `[::1]`, `localhost:15000`. */
function isOwnHost(host: string): boolean {
  const match = /^(\[[^\]]*\]|[^:]*)(?::\d{1,5})?$/.exec(host)
  const name = match?.[1]?.toLowerCase() ?? ""
  if (name.startsWith("[")) return isIP(name.slice(1, -1)) === 6
  return name === "localhost" || isIP(name) === 4
}
