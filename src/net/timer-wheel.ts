/**
 * Thousands of deadlines on one operating-system timer: a hashed wheel of coarse ticks.
 *
 * Setting and clearing are O(1) and allocate nothing (the entry belongs to whoever waits). A deadline fires at most one
 * tick late, never early. The interval runs only while something waits.
 */
import { flushCorked } from "./output.ts"

const TICK_MS = 10
const SLOT_COUNT = 1024
const NOT_SET = -1
const DUE = -2

/** One deadline; owned by whoever waits, reused. */
export class Deadline {
  /** Absolute tick; NOT_SET, or DUE between leaving the wheel and firing. */
  tick: number = NOT_SET
  previous: Deadline | null = null
  next: Deadline | null = null
  readonly onExpired: () => void

  constructor(onExpired: () => void) {
    this.onExpired = onExpired
  }

  get isSet(): boolean {
    return this.tick !== NOT_SET
  }
}

export class TimerWheel {
  readonly #slots: (Deadline | null)[] = new Array<Deadline | null>(SLOT_COUNT).fill(null)
  readonly #nowMs: () => number
  readonly #onInvariantError: (error: unknown) => void
  #currentTick = 0
  #count = 0
  #interval: ReturnType<typeof setInterval> | null = null

  /**
   * @param nowMs a monotonic clock
   * @param onInvariantError told when a deadline's owner throws: our bug; the other deadlines fire all the same
   */
  constructor(nowMs: () => number, onInvariantError: (error: unknown) => void) {
    this.#nowMs = nowMs
    this.#onInvariantError = onInvariantError
  }

  get count(): number {
    return this.#count
  }

  /** Fires `deadline` once, `delayMs` from now. A deadline that is already set is moved. */
  set(deadline: Deadline, delayMs: number): void {
    this.clear(deadline)
    const nowMs = this.#nowMs()
    if (this.#interval === null) {
      this.#currentTick = Math.floor(nowMs / TICK_MS)
      this.#interval = setInterval(() => this.advance(), TICK_MS)
    }
    const tick = Math.max(this.#currentTick + 1, Math.ceil((nowMs + delayMs) / TICK_MS))
    const slot = tick % SLOT_COUNT
    deadline.tick = tick
    deadline.next = this.#slots[slot] ?? null
    if (deadline.next !== null) deadline.next.previous = deadline
    this.#slots[slot] = deadline
    this.#count++
  }

  clear(deadline: Deadline): void {
    if (deadline.tick >= 0) this.#unlink(deadline)
    deadline.tick = NOT_SET
  }

  #unlink(deadline: Deadline): void {
    if (deadline.previous !== null) deadline.previous.next = deadline.next
    else this.#slots[deadline.tick % SLOT_COUNT] = deadline.next
    if (deadline.next !== null) deadline.next.previous = deadline.previous
    deadline.previous = null
    deadline.next = null
    this.#count--
  }

  /** Fires what is due. Called by the interval; by tests with their own clock. */
  advance(): void {
    const nowTick = Math.floor(this.#nowMs() / TICK_MS)
    const due: Deadline[] = []
    // After a long stall one turn of the wheel sees every slot.
    const firstTick = Math.max(this.#currentTick + 1, nowTick - SLOT_COUNT + 1)
    for (let tick = firstTick; tick <= nowTick; tick++) this.#collect(tick % SLOT_COUNT, nowTick, due)
    this.#currentTick = Math.max(this.#currentTick, nowTick)
    for (const deadline of due) {
      // One that fired earlier in this loop may have cleared or moved this one.
      if (deadline.tick !== DUE) continue
      deadline.tick = NOT_SET
      try {
        deadline.onExpired()
      } catch (error) {
        this.#onInvariantError(error)
      }
    }
    flushCorked()
    if (this.#count === 0) this.stop()
  }

  #collect(slot: number, nowTick: number, due: Deadline[]): void {
    let deadline = this.#slots[slot] ?? null
    while (deadline !== null) {
      const next: Deadline | null = deadline.next
      if (deadline.tick <= nowTick) {
        this.#unlink(deadline)
        deadline.tick = DUE
        due.push(deadline)
      }
      deadline = next
    }
  }

  stop(): void {
    if (this.#interval !== null) clearInterval(this.#interval)
    this.#interval = null
  }
}
