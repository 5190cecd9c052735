/**
 * "Did you mean": the known name closest to a misspelt one, by optimal string alignment (insert, delete, replace, swap).
 * Runs only for findings; the number of names compared is bounded so that a broken file stays cheap to check.
 */

const distanceMax = 2
const candidatesMax = 500
const nameLengthMax = 128

/** @returns a hint for a diagnostic; "" when nothing known is close enough. */
export function closestNameHint(written: string, known: Iterable<string>): string {
  let closest = ""
  let distance = Math.min(distanceMax, Math.floor(written.length / 3)) + 1
  let compared = 0
  for (const name of known) {
    if (compared++ >= candidatesMax) break
    const candidate = editDistance(written, name)
    if (candidate >= distance) continue
    closest = name
    distance = candidate
  }
  return closest === "" ? "" : `did you mean "${closest}"?`
}

/** Infinity when the lengths alone rule the pair out. */
function editDistance(left: string, right: string): number {
  if (Math.abs(left.length - right.length) > distanceMax) return Number.POSITIVE_INFINITY
  if (left.length > nameLengthMax || right.length > nameLengthMax) return Number.POSITIVE_INFINITY
  let beforePrevious: readonly number[] = []
  let previous: readonly number[] = Array.from({ length: right.length + 1 }, (_, column) => column)
  for (let row = 1; row <= left.length; row++) {
    const current = [row]
    for (let column = 1; column <= right.length; column++) {
      const isSame = left.charAt(row - 1) === right.charAt(column - 1)
      let cost = Math.min(
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (previous[column - 1] ?? 0) + (isSame ? 0 : 1),
      )
      const isSwap =
        row > 1 &&
        column > 1 &&
        left.charAt(row - 1) === right.charAt(column - 2) &&
        left.charAt(row - 2) === right.charAt(column - 1)
      if (isSwap) cost = Math.min(cost, (beforePrevious[column - 2] ?? 0) + 1)
      current.push(cost)
    }
    beforePrevious = previous
    previous = current
  }
  return previous[right.length] ?? 0
}
