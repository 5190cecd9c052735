/** What the gateway does to every upstream response's fields (semantics sheet 4.3). */

import { FieldId, IS_DROPPED_FROM_RESPONSES } from "../http/field-names.ts"
import { dropFields } from "../http/field-table.ts"
import type { ResponseHead } from "../http/message.ts"
import { httpDate } from "./http-date.ts"

/** `server` of every response; not Envoy's name, because we are not Envoy. */
export const SERVER_NAME = "portcullis"

/**
 * First half, before the route's own header operations: what they may see and change.
 * @param serviceTimeMs from the complete request to the response head (Envoy sends it only then, and lets operations
 *   remove it); -1 = the request is still coming
 */
export function sanitizeResponseFields(head: ResponseHead, serviceTimeMs: number): void {
  const { fields } = head
  dropFields(fields, IS_DROPPED_FROM_RESPONSES)
  if (serviceTimeMs >= 0) fields.appendLower("x-envoy-upstream-service-time", String(Math.trunc(serviceTimeMs)))
}

/**
 * Second half, after the route's own operations: what they cannot change.
 * @param isEdited whether there were any
 */
export function finishResponseFields(head: ResponseHead, isEdited: boolean): void {
  const { fields } = head
  if (isEdited) fields.dropNamed("server")
  if (!fields.isPresent(FieldId.date, "date")) fields.appendLower("date", httpDate())
  fields.appendLower("server", SERVER_NAME)
}
