/**
 * Maglev hashing (Istio semantics sheet 6.3; Envoy: MaglevLoadBalancer; Eisenbud et al., NSDI 2016, section 3.4): a table
 * of prime size that the endpoints fill in turns, each along a permutation of its own. A key is a table slot, so picking
 * is one look-up; when an endpoint leaves, few slots of the others change hands.
 */
import type { Balancer } from "./balancer.ts"
import type { HashedCandidate } from "./ring-hash.ts"

const empty = 0xffff_ffff
/** Seeds of the two hashes that make a permutation. */
const offsetSeed = 0
const skipSeed = 1

export class MaglevBalancer<Candidate extends HashedCandidate> implements Balancer<Candidate> {
  private readonly candidates: readonly Candidate[]
  private readonly random: () => number
  /** By slot: index of its candidate. */
  private readonly table: Uint32Array

  /** @param tableSize a prime */
  constructor(candidates: readonly Candidate[], tableSize: number, random: () => number) {
    this.candidates = candidates
    this.random = random
    this.table = fillTable(candidates, tableSize)
  }

  pick(hash: number): Candidate | null {
    const { table } = this
    const wanted = hash < 0 ? Math.floor(this.random() * 4_294_967_296) : hash
    return this.candidates[table[wanted % table.length] as number] ?? null
  }
}

function fillTable(candidates: readonly HashedCandidate[], tableSize: number): Uint32Array {
  const table = new Uint32Array(tableSize).fill(empty)
  if (candidates.length === 0) return table
  const positions = new Uint32Array(candidates.length)
  const skips = new Uint32Array(candidates.length)
  /** What an endpoint has earned and not yet used: the heaviest takes a slot in every round. */
  const credits = new Float64Array(candidates.length)
  let weightMax = 0
  for (const [index, { key, weight }] of candidates.entries()) {
    positions[index] = Bun.hash.xxHash32(key, offsetSeed) % tableSize
    skips[index] = (Bun.hash.xxHash32(key, skipSeed) % (tableSize - 1)) + 1
    weightMax = Math.max(weightMax, weight)
  }
  for (let filled = 0; filled < tableSize; ) {
    for (const [index, { weight }] of candidates.entries()) {
      credits[index] = (credits[index] as number) + weight / weightMax
      if ((credits[index] as number) < 1) continue
      credits[index] = (credits[index] as number) - 1
      let slot = positions[index] as number
      const skip = skips[index] as number
      while (table[slot] !== empty) slot = (slot + skip) % tableSize
      table[slot] = index
      positions[index] = (slot + skip) % tableSize
      if (++filled === tableSize) break
    }
  }
  return table
}
