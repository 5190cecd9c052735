/**
 * Ports that this process shares with others of its user (SO_REUSEPORT). With that option the system no longer refuses a
 * port that is taken, not even by ourselves: what must stay an error inside one process is found here.
 */
import { isIP } from "node:net"
import type { ReusePortControl } from "./reuse-port-control.ts"

interface Claim {
  readonly address: string
  readonly port: number
}

export class SharedPorts {
  /** null = new connections cannot be steered on this system. */
  readonly control: ReusePortControl | null
  readonly #claims = new Set<Claim>()

  constructor(control: ReusePortControl | null) {
    this.control = control
  }

  /** Whether a socket of ours listens there, or on an address that includes it. */
  isClaimed(address: string, port: number): boolean {
    if (port === 0) return false
    for (const claim of this.#claims) {
      if (claim.port === port && doOverlap(claim.address, address)) return true
    }
    return false
  }

  /**
   * @param address `*` = every address of both families
   * @returns gives it back: this process may listen there again, though it may not have closed yet
   */
  claim(address: string, port: number): () => void {
    const claim = { address, port }
    this.#claims.add(claim)
    return () => this.#claims.delete(claim)
  }
}

function doOverlap(one: string, other: string): boolean {
  if (one === other || one === "*" || other === "*") return true
  // A name may be of either family.
  const areOfOneFamily = isIP(one) === 0 || isIP(other) === 0 || isIP(one) === isIP(other)
  return areOfOneFamily && (isWildcard(one) || isWildcard(other))
}

function isWildcard(address: string): boolean {
  return address === "0.0.0.0" || address === "::"
}
