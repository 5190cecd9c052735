/**
 * The header operations of a rule or destination (semantics sheet 3.10): remove, then set, then add. Values were checked
 * when the configuration was compiled; what an operator brings in from the request is checked here, so that an edit can
 * never make an invalid head.
 */
import type { HeaderEdits } from "../compile/snapshot.ts"
import { fieldIdOf, IS_MADE_BY_CODEC } from "../http/field-names.ts"
import type { FieldTable } from "../http/field-table.ts"
import { isFieldValue } from "../http/h1/scan-fields.ts"
import type { AccessLogRecord } from "../telemetry/access-log-record.ts"
import { renderTemplate } from "../telemetry/render-template.ts"
import type { ValueTemplate } from "../telemetry/value-template.ts"

/** The exchange as far as it is, for `%OPERATORS%`; only asked when a value has one. */
export interface RecordSource {
  accessLogRecord(): AccessLogRecord
}

/** Values of operators see the fields as they are after `remove`, and none sees another operation's (Envoy header_parser.cc). */
export function applyHeaderEdits(fields: FieldTable, edits: HeaderEdits, source: RecordSource): void {
  for (const name of edits.remove) if (!isMadeByCodec(name)) fields.dropNamed(name)
  const rendered = renderOperators(edits, source)
  let next = 0
  for (const { name, nameLower, value } of edits.set) {
    const text = value.literal ?? rendered[next++] ?? ""
    if (text === "" || isMadeByCodec(nameLower)) continue
    fields.dropNamed(nameLower)
    fields.append(name, text)
  }
  for (const { name, nameLower, value } of edits.add) {
    const text = value.literal ?? rendered[next++] ?? ""
    if (text !== "" && !isMadeByCodec(nameLower)) fields.append(name, text)
  }
}

/** Framing and hop-by-hop fields say what the codec does: an edit of them would be a lie, or a smuggled request. */
function isMadeByCodec(nameLower: string): boolean {
  return IS_MADE_BY_CODEC[fieldIdOf(nameLower, 0, nameLower.length)] === 1
}

const NO_VALUES: readonly string[] = []

/** The values that are not literal, in the order of `set`, then `add`; most edits have none. */
function renderOperators({ set, add }: HeaderEdits, source: RecordSource): readonly string[] {
  let values: string[] | null = null
  for (const operations of [set, add]) {
    for (const { value } of operations) {
      if (value.literal !== null) continue
      values ??= []
      values.push(renderedValue(value, source))
    }
  }
  return values ?? NO_VALUES
}

/** "" = nothing to do: a value that renders empty skips its operation (semantics sheet 3.10 (6)). */
function renderedValue(template: ValueTemplate, source: RecordSource): string {
  const value = renderTemplate(template, source.accessLogRecord())
  return isFieldValue(value) ? value : ""
}
