/**
 * Cross-origin policy of a forwarding rule (semantics sheet 3.9). The gateway never refuses an actual request for its
 * origin: it answers preflights and marks responses; the browser decides.
 */
import type { CorsPolicy } from "../compile/snapshot.ts"
import type { FieldTable } from "../http/field-table.ts"
import { BODY_NONE, type RequestHead, ResponseHead } from "../http/message.ts"
import { textMatches } from "../route/predicates.ts"

/** What the policy says of one request. */
export type CorsVerdict =
  /** No origin, or one that is not allowed: nothing is touched. */
  | { readonly kind: "ignore" }
  /** Answer the preflight here, with this head. */
  | { readonly kind: "preflight"; readonly head: ResponseHead }
  /** Forward; the response is marked for this origin. */
  | { readonly kind: "mark"; readonly origin: string }

const IGNORE: CorsVerdict = { kind: "ignore" }

export function judgeCors(request: RequestHead, policy: CorsPolicy): CorsVerdict {
  const origin = request.fieldValue("origin")
  if (origin === null || origin === "") return IGNORE
  const isAllowed = policy.allowOrigins.some((matcher) => textMatches(matcher, origin))
  const method = request.method === "OPTIONS" ? request.fieldValue("access-control-request-method") : null
  if (method === null || method === "") return isAllowed ? { kind: "mark", origin } : IGNORE
  if (!isAllowed && !policy.answerUnmatchedPreflights) return IGNORE
  return { kind: "preflight", head: preflightHead(request, policy, isAllowed ? origin : null, method) }
}

/** @param origin null = not allowed: the same answer without `access-control-allow-origin` */
function preflightHead(request: RequestHead, policy: CorsPolicy, origin: string | null, method: string): ResponseHead {
  const head = new ResponseHead()
  head.status = 200
  head.reason = "OK"
  head.bodyLength = BODY_NONE
  const { fields } = head
  if (origin !== null) fields.append("access-control-allow-origin", origin)
  if (policy.allowCredentials) fields.append("access-control-allow-credentials", "true")
  appendList(fields, "access-control-allow-methods", policy.allowMethods, method)
  const asked = request.fieldValue("access-control-request-headers") ?? ""
  appendList(fields, "access-control-allow-headers", policy.allowHeaders, asked)
  if (policy.maxAgeSeconds >= 0) fields.append("access-control-max-age", String(policy.maxAgeSeconds))
  fields.append("content-length", "0")
  return head
}

/** A list that is exactly `*` echoes what was asked for; an empty one makes no field. */
function appendList(fields: FieldTable, name: string, list: string, asked: string): void {
  const value = list === "*" ? asked : list
  if (value !== "") fields.append(name, value)
}

/** Marks an actual response; what the upstream said of the same is overwritten. */
export function markResponse(fields: FieldTable, policy: CorsPolicy, origin: string): void {
  set(fields, "access-control-allow-origin", origin)
  if (policy.allowCredentials) set(fields, "access-control-allow-credentials", "true")
  if (policy.exposeHeaders !== "") set(fields, "access-control-expose-headers", policy.exposeHeaders)
}

function set(fields: FieldTable, name: string, value: string): void {
  fields.dropNamed(name)
  fields.append(name, value)
}
