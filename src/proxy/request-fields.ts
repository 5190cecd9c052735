/**
 * What the gateway does to every request's fields before routing (semantics sheet 4.1), at Istio's default of no trusted
 * proxies: nothing a client says about itself is believed.
 */

import { FieldId, IS_DROPPED_FROM_REQUESTS } from "../http/field-names.ts"
import { dropFields } from "../http/field-table.ts"
import type { RequestHead } from "../http/message.ts"
import { isValidReferer } from "./referer.ts"

/**
 * Edits `request.fields`.
 * @param remoteIp of the TCP peer; "" = it came over a unix socket and has none to add (Envoy http/utility.cc `appendXff`)
 */
export function sanitizeRequestFields(request: RequestHead, remoteIp: string): void {
  const { fields } = request
  dropFields(fields, IS_DROPPED_FROM_REQUESTS)
  const forwarded = forwardedFor(request, remoteIp)
  if (forwarded !== "") fields.appendLower("x-forwarded-for", forwarded)
  fields.appendLower("x-forwarded-proto", request.scheme)
  if (remoteIp !== "") fields.appendLower("x-envoy-external-address", remoteIp)
  fields.appendLower("x-request-id", crypto.randomUUID())
}

/**
 * The client's own values stay in front, unvalidated; joined with `,` and no space, as Envoy does. On the same way through
 * the fields, a `Referer` that is repeated or says what it must not is dropped.
 */
function forwardedFor(request: RequestHead, remoteIp: string): string {
  const { fields } = request
  let joined = ""
  let refererIndex = -1
  for (let index = 0; index < fields.count; index++) {
    const id = fields.idAt(index)
    if (id === FieldId.xForwardedFor) {
      const value = fields.valueAt(index)
      fields.drop(index)
      if (value !== "") joined += `${value},`
    } else if (id === FieldId.referer) {
      if (refererIndex >= 0) fields.drop(refererIndex)
      if (refererIndex >= 0 || !isValidReferer(fields.valueAt(index))) fields.drop(index)
      refererIndex = index
    }
  }
  return remoteIp === "" ? joined.slice(0, -1) : joined + remoteIp
}
