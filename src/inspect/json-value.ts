/** JSON as protobuf writes it: keys in the order of the message's fields, defaults left out. */

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject
export interface JsonObject {
  readonly [key: string]: JsonValue
}

/** An object without the fields that hold nothing: null, "", an empty list or object. */
export function message(fields: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => !isDefault(value)))
}

function isDefault(value: JsonValue): boolean {
  if (value === null || value === "") return true
  return typeof value === "object" && Object.keys(value).length === 0
}

/** A `google.protobuf.Duration`: `2.500s`. */
export function durationText(milliseconds: number): string {
  const seconds = milliseconds / 1000
  return Number.isInteger(seconds) ? `${seconds}s` : `${seconds.toFixed(3)}s`
}

/** An `envoy.type.v3.FractionalPercent` of parts per million. */
export function fractionalPercent(ppm: number): JsonObject {
  return { numerator: ppm, denominator: "MILLION" }
}

/**
 * The same with Envoy's own spelling of keys, as its admin interface prints them: `virtualHosts` is `virtual_hosts`.
 * Only keys that are field names change; `@type` and keys with a dot or hyphen are data.
 */
export function withSnakeCaseKeys(value: JsonValue): JsonValue {
  if (value === null || typeof value !== "object") return value
  if (isList(value)) return value.map(withSnakeCaseKeys)
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [snakeCase(key), withSnakeCaseKeys(inner)]))
}

function isList(value: JsonObject | readonly JsonValue[]): value is readonly JsonValue[] {
  return Array.isArray(value)
}

function snakeCase(key: string): string {
  return /^[a-z][A-Za-z0-9]*$/.test(key) ? key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) : key
}
