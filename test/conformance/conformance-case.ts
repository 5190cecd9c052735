/**
 * A conformance case: configuration in, exchange out. The YAML is what an Istio user writes; the exchange is what goes over
 * the wire, on both sides of the gateway. Cases are data; `conformance-group.ts` runs them.
 *
 * In every text `$host` stands for a host of the case's own and `$name` for a resource name of its own, so that the many
 * cases of a group share one gateway and still do not meet.
 */

/** Services of the fixture that answer. Each answers 200 with its own name unless told otherwise. */
export const SERVICES = ["one", "two", "three", "mirror"] as const
export type Service = (typeof SERVICES)[number]

/** What a service does with one request. */
export interface Answer {
  /** "" = says nothing. */
  readonly bytes: string
  /** Closes the connection after it. */
  readonly thenCloses: boolean
}

export interface Exchange {
  /** Request line without version, then field lines. Host, and Content-Length for a body, are added where missing. */
  readonly send: string | readonly string[]
  /** Default `HTTP/1.1`. */
  readonly version?: string
  /** Latin1. */
  readonly body?: string
  /** The Gateway's port number; default 80. */
  readonly port?: number
  /** By service, one for each request; then its usual answer. */
  readonly answers?: Partial<Record<Service, readonly Answer[]>>

  /** Default 200. */
  readonly status?: number
  /** The response body; default: the name of the service it went to, else nothing. */
  readonly reply?: string
  /** Response fields; null = absent. Several of one name are joined with `, `. */
  readonly fields?: Readonly<Record<string, string | null>>
  /** The service that must get the request; absent = none may. */
  readonly to?: Service
  /** Requests it gets for this exchange; default 1. */
  readonly tries?: number
  /** The last of them, as it came. */
  readonly upstream?: UpstreamView
  /** The copies that service `mirror` gets; absent = none may come. */
  readonly mirrored?: UpstreamView & { readonly count: number }
  /** Access log: `%RESPONSE_FLAGS%`, `%RESPONSE_CODE_DETAILS%`, `%ROUTE_NAME%`, `%UPSTREAM_CLUSTER%`. */
  readonly log?: {
    readonly flags?: string
    readonly details?: string
    readonly route?: string
    readonly cluster?: string
    readonly path?: string
  }
}

export interface UpstreamView {
  readonly startLine?: string
  readonly fields?: Readonly<Record<string, string | null>>
  readonly body?: string
}

export interface Case {
  /** The field, then what it does: `http.match.uri.prefix: /foo also matches /foobar`. */
  readonly name: string
  /** Istio semantics sheet section, or the Istio or Envoy file it follows from. */
  readonly source: string
  /** YAML of `spec.http` of a VirtualService for `$host`. */
  readonly http?: string
  /** Whole documents, beside or instead of `http`. */
  readonly resources?: string
  readonly exchanges: readonly Exchange[]
}

export interface CaseGroup {
  readonly name: string
  /** The cases are about configurations that `check` refuses; Istio serves them all the same. */
  readonly isInvalid?: boolean
  /** Documents that all cases of the group share. */
  readonly resources?: string
  readonly cases: readonly Case[]
}

/** YAML for a rule's `route`. */
export const TO_ONE = "route: [{ destination: { host: one.test } }]"
export const TO_TWO = "route: [{ destination: { host: two.test } }]"
export const TO_THREE = "route: [{ destination: { host: three.test } }]"
/** A service whose only endpoint refuses connections. */
export const TO_GONE = "route: [{ destination: { host: gone.test } }]"
/** A service without endpoints. */
export const TO_EMPTY = "route: [{ destination: { host: empty.test } }]"

/** An answer with Content-Length. */
export function answerWith(status: number, body = "", ...lines: readonly string[]): Answer {
  const fields = [...lines, `Content-Length: ${body.length}`].map((line) => `${line}\r\n`).join("")
  return { bytes: `HTTP/1.1 ${status} X\r\n${fields}\r\n${body}`, thenCloses: false }
}

/** Says nothing, for ever. */
export const SILENCE: Answer = { bytes: "", thenCloses: false }
/** Closes the connection without an answer. */
export const HANG_UP: Answer = { bytes: "", thenCloses: true }

/** These bytes, whatever they are. */
export function raw(bytes: string): Answer {
  return { bytes, thenCloses: false }
}

/** The exchange reaches this service. */
export function goes(send: Exchange["send"], to: Service, more: Partial<Exchange> = {}): Exchange {
  return { send, to, ...more }
}

/** The virtual host is there, but none of its routes matches. */
export function misses(send: Exchange["send"], more: Partial<Exchange> = {}): Exchange {
  return { send, status: 404, log: { flags: "NR", details: "route_not_found" }, ...more }
}
