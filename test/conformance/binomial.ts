/**
 * Bounds for counts of independent draws, computed from the binomial distribution instead of guessed: a test that uses
 * them fails falsely with at most the probability it states.
 */

/** Both ends inclusive. */
export interface CountBounds {
  readonly min: number
  readonly max: number
}

/**
 * The narrowest bounds outside of which each tail has at most half of `falseFailure`.
 * @param count of draws
 * @param share of each that hits, in [0, 1]
 */
export function binomialBounds(count: number, share: number, falseFailure: number): CountBounds {
  if (share <= 0) return { min: 0, max: 0 }
  if (share >= 1) return { min: count, max: count }
  const probabilities = Array.from({ length: count + 1 }, (_, hits) => Math.exp(logProbability(count, share, hits)))
  let min = 0
  for (let tail = probabilities[0] ?? 0; tail <= falseFailure / 2 && min < count; tail += probabilities[min] ?? 0) min++
  let max = count
  for (let tail = probabilities[count] ?? 0; tail <= falseFailure / 2 && max > 0; tail += probabilities[max] ?? 0) max--
  return { min, max }
}

function logProbability(count: number, share: number, hits: number): number {
  const ways = logFactorial(count) - logFactorial(hits) - logFactorial(count - hits)
  return ways + hits * Math.log(share) + (count - hits) * Math.log1p(-share)
}

const logFactorials: number[] = [0]

function logFactorial(number: number): number {
  for (let next = logFactorials.length; next <= number; next++) {
    logFactorials.push((logFactorials[next - 1] ?? 0) + Math.log(next))
  }
  return logFactorials[number] ?? 0
}
