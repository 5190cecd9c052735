/**
 * Statistics for the tests of balancers: how far counts are from what they should be, as one number.
 */

/**
 * With 4 degrees of freedom (five outcomes) a fair draw exceeds this with a probability of 10^-6:
 * exp(-x/2) (1 + x/2) = 10^-6.
 */
export const chiSquareMaxFor5Outcomes = 33.4

/** Pearson's chi-square of `counts` against equal shares. */
export function chiSquareOfEqualShares(counts: readonly number[]): number {
  const expected = counts.reduce((sum, count) => sum + count, 0) / counts.length
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
}
