/** Trailer sections of HTTP/2 in the form of the message model: lines, without what may not be said in trailers. */
import { IS_FORBIDDEN_IN_TRAILERS } from "../field-names.ts"
import { dropFields, FieldTable } from "../field-table.ts"
import type { FieldCollector } from "./field-collector.ts"
import { type MessageFault, TRAILERS_MALFORMED } from "./message-faults.ts"

/** @returns lines, "" = nothing to forward; or what is wrong with them */
export function buildTrailers(collected: FieldCollector): string | MessageFault {
  if (collected.fault !== null) return collected.fault
  // RFC 9113 section 8.1: trailers hold no pseudo-field.
  if (collected.hasPseudoField) return TRAILERS_MALFORMED
  const fields = new FieldTable()
  fields.reset(collected.text(""))
  collected.fill(fields, "")
  dropFields(fields, IS_FORBIDDEN_IN_TRAILERS)
  return fields.lines()
}
