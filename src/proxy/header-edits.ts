/**
 * The header operations of a rule or destination (semantics sheet 3.10): remove, then set, then add. Values were checked
 * when the configuration was compiled; what an operator brings in from the request is checked here, so that an edit can
 * never make an invalid head.
 */
import type { HeaderEdits, HeaderOperation } from "../compile/snapshot.ts"
import { fieldIdOf, IS_MADE_BY_CODEC } from "../http/field-names.ts"
import type { FieldTable } from "../http/field-table.ts"
import { isFieldValue } from "../http/h1/scan-fields.ts"
import type { AccessLogRecord } from "../telemetry/access-log-record.ts"
import { renderTemplate } from "../telemetry/render-template.ts"

/** The exchange as far as it is, for `%OPERATORS%`; only asked when a value has one. */
export interface RecordSource {
  accessLogRecord(): AccessLogRecord
}

export function applyHeaderEdits(fields: FieldTable, edits: HeaderEdits, source: RecordSource): void {
  for (const name of edits.remove) if (!isMadeByCodec(name)) fields.dropNamed(name)
  for (const operation of edits.set) {
    const value = renderedValue(operation, source)
    if (value === "" || isMadeByCodec(operation.nameLower)) continue
    fields.dropNamed(operation.nameLower)
    fields.append(operation.name, value)
  }
  for (const operation of edits.add) {
    const value = renderedValue(operation, source)
    if (value !== "" && !isMadeByCodec(operation.nameLower)) fields.append(operation.name, value)
  }
}

/** Framing and hop-by-hop fields say what the codec does: an edit of them would be a lie, or a smuggled request. */
function isMadeByCodec(nameLower: string): boolean {
  return IS_MADE_BY_CODEC[fieldIdOf(nameLower, 0, nameLower.length)] === 1
}

/** "" = nothing to do: a value that renders empty skips its operation (semantics sheet 3.10 (6)). */
function renderedValue(operation: HeaderOperation, source: RecordSource): string {
  const { literal } = operation.value
  if (literal !== null) return literal
  const value = renderTemplate(operation.value, source.accessLogRecord())
  return isFieldValue(value) ? value : ""
}
