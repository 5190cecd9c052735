/**
 * A histogram with Envoy's default buckets, which Istio keeps for all of them (Istio semantics sheet 9.1). Observing is a
 * short scan and two additions; cumulative counts are made when somebody reads.
 */

/** Upper bounds, inclusive; above the last is `+Inf`. */
export const histogramBounds: readonly number[] = Object.freeze([
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000,
  3_600_000,
])

const bounds = Float64Array.from(histogramBounds)

export class Histogram {
  /** One per bound, and one for what is above all of them. */
  readonly #counts = new Float64Array(bounds.length + 1)
  sum = 0
  count = 0

  observe(value: number): void {
    let bucket = 0
    while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket++
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1
    this.sum += value
    this.count++
  }

  /** How many were at most each bound, in order; `count` has them all. */
  cumulativeCounts(): readonly number[] {
    let total = 0
    return histogramBounds.map((_, bucket) => {
      total += this.#counts[bucket] ?? 0
      return total
    })
  }

  /** Adds what another one has observed. */
  add(other: Histogram): void {
    for (let bucket = 0; bucket < this.#counts.length; bucket++) {
      this.#counts[bucket] = (this.#counts[bucket] as number) + (other.#counts[bucket] as number)
    }
    this.sum += other.sum
    this.count += other.count
  }
}
