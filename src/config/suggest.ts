/**
 * "Did you mean": the known word nearest to an unknown one, by edit distance with swaps (optimal string alignment).
 */

const wordCharactersMax = 64

/** @returns the nearest of `candidates`, or null when none is near enough to be a slip of the keyboard. */
export function nearestWord(word: string, candidates: readonly string[]): string | null {
  if (word.length > wordCharactersMax) return null
  const lower = word.toLowerCase()
  let best: string | null = null
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1
  for (const candidate of candidates) {
    // A difference only in case, hyphens or underscores is the likeliest slip of all.
    const distance = squash(candidate) === squash(word) ? 0 : editDistance(lower, candidate.toLowerCase())
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

export function editDistance(a: string, b: string): number {
  let before: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1]
      let cost = Math.min(
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (previous[column - 1] ?? 0) + (same ? 0 : 1),
      )
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        cost = Math.min(cost, (before[column - 2] ?? 0) + 1)
      }
      current.push(cost)
    }
    before = previous
    previous = current
  }
  return previous[b.length] ?? 0
}

function squash(word: string): string {
  return word.toLowerCase().replace(/[-_]/g, "")
}
