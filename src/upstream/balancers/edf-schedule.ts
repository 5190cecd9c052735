/**
 * Earliest deadline first: weighted round robin without bursts (Envoy: EdfScheduler).
 *
 * Every member has a deadline; the earliest one is next, and then gets a new deadline 1/weight later. Over time each
 * member comes up in proportion to its weight, spread as evenly as the weights allow. Members with the same deadline
 * come up in the order in which they were scheduled.
 *
 * A binary heap of member indices over typed arrays: O(log n) per turn, no allocation.
 */

export class EdfSchedule {
  /** Member indices; the parent of slot i is slot (i - 1) >> 1. */
  private readonly heap: Int32Array
  /** By member index. */
  private readonly deadlines: Float64Array
  /** By member index: the turn in which the deadline was set; breaks ties. */
  private readonly scheduledInTurn: Float64Array
  private turn = 0

  /** @param weights one per member, > 0. */
  constructor(weights: readonly number[]) {
    this.heap = new Int32Array(weights.length)
    this.deadlines = new Float64Array(weights.length)
    this.scheduledInTurn = new Float64Array(weights.length)
    for (const [member, weight] of weights.entries()) {
      this.heap[member] = member
      this.deadlines[member] = 1 / weight
      this.scheduledInTurn[member] = this.turn++
    }
    for (let slot = (weights.length >> 1) - 1; slot >= 0; slot--) this.siftDown(slot)
  }

  /** The member whose turn it is; -1 when there are no members. The same one until `reschedule`. */
  next(): number {
    return this.heap[0] ?? -1
  }

  /** Ends the turn of the member `next` gave. @param weight > 0, as it is now. */
  reschedule(weight: number): void {
    const member = this.heap[0]
    if (member === undefined) return
    this.deadlines[member] = (this.deadlines[member] as number) + 1 / weight
    this.scheduledInTurn[member] = this.turn++
    this.siftDown(0)
  }

  private siftDown(start: number): void {
    const heap = this.heap
    const size = heap.length
    const member = heap[start] as number
    let slot = start
    for (;;) {
      let child = 2 * slot + 1
      if (child >= size) break
      if (child + 1 < size && this.isBefore(heap[child + 1] as number, heap[child] as number)) child++
      const childMember = heap[child] as number
      if (!this.isBefore(childMember, member)) break
      heap[slot] = childMember
      slot = child
    }
    heap[slot] = member
  }

  private isBefore(a: number, b: number): boolean {
    const deadlineA = this.deadlines[a] as number
    const deadlineB = this.deadlines[b] as number
    if (deadlineA !== deadlineB) return deadlineA < deadlineB
    return (this.scheduledInTurn[a] as number) < (this.scheduledInTurn[b] as number)
  }
}
