/**
 * Finds the virtual host (or filter chain) of a name: exact, then the longest `*.suffix`, then `*` (reference sheet 2.2).
 */

export interface HostTable<T> {
  /** @param host lower-cased, without port. @returns null when nothing matches: 404. */
  find(host: string): T | null
}
