/** What the gateway does to every upstream response's fields (semantics sheet 4.3). */

import { FieldId, IS_DROPPED_FROM_RESPONSES } from "../http/field-names.ts"
import { dropFields } from "../http/field-table.ts"
import type { ResponseHead } from "../http/message.ts"
import { httpDate } from "./http-date.ts"

/** `server` of every response; not Envoy's name, because we are not Envoy. */
export const SERVER_NAME = "portcullis"

/** First half, before the route's own header operations: what no operation can bring back. */
export function sanitizeResponseFields(head: ResponseHead): void {
  dropFields(head.fields, IS_DROPPED_FROM_RESPONSES)
}

/**
 * Second half, after the route's own operations: what they cannot change.
 * @param serviceTimeMs from the request sent to the response head; -1 = the gateway made this response
 */
export function finishResponseFields(head: ResponseHead, serviceTimeMs: number): void {
  const { fields } = head
  if (fields.appended !== "") {
    fields.dropNamed("server")
    fields.dropNamed("x-envoy-upstream-service-time")
  }
  let lines = ""
  if (!fields.isPresent(FieldId.date, "date")) lines = `date: ${httpDate()}\r\n`
  if (serviceTimeMs >= 0) lines += `x-envoy-upstream-service-time: ${Math.trunc(serviceTimeMs)}\r\n`
  fields.appended += `${lines}server: ${SERVER_NAME}\r\n`
}
