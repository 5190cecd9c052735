/**
 * Which fields the encoder puts into the dynamic table. The table is shared by everybody whose requests share the
 * connection, and its effect on lengths can be observed (RFC 7541 section 7.1): so only fields that repeat and hold no
 * secret enter it, and what holds one is marked so that nobody behind us indexes it either.
 */
import { STATIC_TABLE } from "./static-table.ts"

export const Indexing = Object.freeze({
  /** Sent as literal, kept out of the table. */
  without: 0,
  /** Entered into the table. */
  incremental: 1,
  /** Kept out of every table on the way (RFC 7541 section 6.2.3). */
  never: 2,
} as const)

/** Values that repeat from message to message. */
const REPEATING: readonly string[] = [
  ":authority",
  "accept",
  "accept-encoding",
  "accept-language",
  "accept-ranges",
  "access-control-allow-credentials",
  "access-control-allow-headers",
  "access-control-allow-methods",
  "access-control-allow-origin",
  "access-control-expose-headers",
  "access-control-max-age",
  "allow",
  "alt-svc",
  "cache-control",
  "content-encoding",
  "content-language",
  "content-security-policy",
  "content-type",
  "cross-origin-opener-policy",
  "date",
  "grpc-accept-encoding",
  "grpc-encoding",
  "grpc-status",
  "permissions-policy",
  "referrer-policy",
  "server",
  "strict-transport-security",
  "te",
  "user-agent",
  "vary",
  "via",
  "x-content-type-options",
  "x-envoy-attempt-count",
  "x-forwarded-proto",
  "x-frame-options",
  "x-powered-by",
  "x-xss-protection",
]

const SECRET: readonly string[] = [
  "authorization",
  "cookie",
  "proxy-authorization",
  "set-cookie",
  "x-api-key",
  "x-csrf-token",
  "x-xsrf-token",
]

/** What the encoder knows of a name. */
export interface KnownName {
  /** Of the first static entry with this name; 0 = none. */
  readonly nameIndex: number
  /** Static indexes of whole fields, by value; null = none. */
  readonly values: ReadonlyMap<string, number> | null
  readonly indexing: number
}

export const KNOWN_NAMES: ReadonlyMap<string, KnownName> = buildKnownNames()

function buildKnownNames(): ReadonlyMap<string, KnownName> {
  const names = new Set([...REPEATING, ...SECRET, ...STATIC_TABLE.map(({ name }) => name)])
  return new Map([...names].map((name) => [name, describe(name)]))
}

function describe(name: string): KnownName {
  const values = new Map<string, number>()
  let nameIndex = 0
  for (const [position, field] of STATIC_TABLE.entries()) {
    if (field.name !== name) continue
    if (nameIndex === 0) nameIndex = position + 1
    if (field.value !== "") values.set(field.value, position + 1)
  }
  const indexing = SECRET.includes(name)
    ? Indexing.never
    : REPEATING.includes(name)
      ? Indexing.incremental
      : Indexing.without
  return { nameIndex, values: values.size === 0 ? null : values, indexing }
}
