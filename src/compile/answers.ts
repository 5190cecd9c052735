/**
 * Rules that answer without an upstream: redirects and direct responses (Istio semantics sheet 3.3, 3.4).
 * Source: Istio `pilot/pkg/networking/core/route/route.go` (`ApplyRedirect`, `ApplyDirectResponse`).
 */
import { toByteString } from "../route/byte-string.ts"
import type { DirectResponse, Redirect } from "./api-types.ts"
import type { DirectResponseAction, RedirectAction } from "./snapshot.ts"

/**
 * @param declaredPort of the server: what `derivePort: FROM_REQUEST_PORT` means.
 * @returns null when the status is no redirect that a gateway can make; the schema refuses it (P2208).
 */
export function compileRedirect(redirect: Redirect, declaredPort: number, isTls: boolean): RedirectAction | null {
  const status = redirectStatus(redirect.redirectCode ?? 0)
  if (status === null) return null
  const scheme = redirect.scheme === "http" || redirect.scheme === "https" ? redirect.scheme : null
  const port = redirect.port ?? (redirect.derivePort === "FROM_REQUEST_PORT" ? declaredPort : 0)
  const finalScheme = scheme ?? (isTls ? "https" : "http")
  const isDefaultPort = port === 0 || port === (finalScheme === "https" ? 443 : 80)
  return {
    kind: "redirect",
    status,
    scheme,
    authority: textOrNull(redirect.authority),
    port: isDefaultPort ? null : port,
    path: rooted(textOrNull(redirect.uri)),
    prefixRewrite: textOrNull(redirect.prefixRewrite),
  }
}

export function compileDirectResponse(response: DirectResponse): DirectResponseAction {
  const { body } = response
  return { kind: "direct-response", status: response.status, body: bodyBytes(body?.string, body?.bytes) }
}

function redirectStatus(code: number): RedirectAction["status"] | null {
  switch (code) {
    case 0:
      return 301
    case 301:
    case 302:
    case 303:
    case 307:
    case 308:
      return code
    default:
      return null
  }
}

function rooted(path: string | null): string | null {
  return path === null || path.startsWith("/") ? path : `/${path}`
}

function textOrNull(text: string | undefined): string | null {
  return text === undefined || text === "" ? null : toByteString(text)
}

/** @param base64 the API's `bytes`, as YAML carries them. */
function bodyBytes(text: string | undefined, base64: string | undefined): Uint8Array {
  if (text !== undefined) return new TextEncoder().encode(text)
  return base64 === undefined ? new Uint8Array() : Uint8Array.from(Buffer.from(base64, "base64"))
}
