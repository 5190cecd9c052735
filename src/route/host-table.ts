/**
 * Finds the virtual host (or filter chain) of a name: exact, then the longest `*.suffix`, then `*`
 * (Istio semantics sheet 1.10, 2.2; Envoy `RouteMatcher::findVirtualHost`).
 *
 * Exact names cost one hash lookup. Wildcards cost one lookup per label of the name, however many there are; and only
 * where a suffix of that length exists, so a Host of thousands of dots costs no more than the configuration has lengths.
 */

const DOT = 0x2e

export interface HostTable<T> {
  /** @param host lower-cased, without port. @returns null when nothing matches: 404. */
  find(host: string): T | null
}

export interface HostEntry<T> {
  /** Lower-cased: exact names, `*.suffix`, or `*`. */
  readonly domains: readonly string[]
  readonly value: T
}

/** Where two entries name the same domain, the first keeps it. */
export function buildHostTable<T>(entries: readonly HostEntry<T>[]): HostTable<T> {
  const exact = new Map<string, T>()
  const suffixes = new Map<string, T>()
  let fallback: T | null = null
  for (const { domains, value } of entries) {
    for (const domain of domains) {
      if (domain === "*") {
        fallback ??= value
      } else if (domain.startsWith("*.")) {
        const suffix = domain.slice(1)
        if (!suffixes.has(suffix)) suffixes.set(suffix, value)
      } else if (!exact.has(domain)) {
        exact.set(domain, value)
      }
    }
  }
  if (suffixes.size === 0) return new ExactHostTable(exact, fallback)
  return new WildcardHostTable(exact, suffixes, fallback)
}

class ExactHostTable<T> implements HostTable<T> {
  readonly #exact: ReadonlyMap<string, T>
  readonly #fallback: T | null

  constructor(exact: ReadonlyMap<string, T>, fallback: T | null) {
    this.#exact = exact
    this.#fallback = fallback
  }

  find(host: string): T | null {
    return this.#exact.get(host) ?? this.#fallback
  }
}

class WildcardHostTable<T> implements HostTable<T> {
  readonly #exact: ReadonlyMap<string, T>
  /** Keys keep their leading dot: `.foo.com`. */
  readonly #suffixes: ReadonlyMap<string, T>
  /** 1 at the length of every suffix. */
  readonly #hasLength: Uint8Array
  readonly #fallback: T | null

  constructor(exact: ReadonlyMap<string, T>, suffixes: ReadonlyMap<string, T>, fallback: T | null) {
    this.#exact = exact
    this.#suffixes = suffixes
    this.#fallback = fallback
    let lengthMax = 0
    for (const suffix of suffixes.keys()) lengthMax = Math.max(lengthMax, suffix.length)
    this.#hasLength = new Uint8Array(lengthMax + 1)
    for (const suffix of suffixes.keys()) this.#hasLength[suffix.length] = 1
  }

  find(host: string): T | null {
    const exact = this.#exact.get(host)
    if (exact !== undefined) return exact
    // From 1: a suffix wildcard needs at least one character before its dot. Leftmost dot first: the longest suffix.
    for (let i = Math.max(1, host.length - this.#hasLength.length + 1); i < host.length; i++) {
      if (host.charCodeAt(i) !== DOT || this.#hasLength[host.length - i] !== 1) continue
      const value = this.#suffixes.get(host.slice(i))
      if (value !== undefined) return value
    }
    return this.#fallback
  }
}
