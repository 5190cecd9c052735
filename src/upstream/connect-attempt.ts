/**
 * A connection on its way: it comes about, fails, or takes too long. Whichever is first counts, and it counts once; what
 * a pool makes of it is the same for every protocol.
 */
import { Deadline, type TimerWheel } from "../net/timer-wheel.ts"

export abstract class ConnectAttempt {
  readonly #wheel: TimerWheel
  readonly #deadline: Deadline
  #cancelConnect: (() => void) | null = null
  #isOver = false
  #isOpen = false

  constructor(wheel: TimerWheel, connectTimeoutMs: number) {
    this.#wheel = wheel
    this.#deadline = new Deadline(() => this.#onTimeout())
    wheel.set(this.#deadline, connectTimeoutMs)
  }

  /** @param connect begins, is given what to call with Envoy's transport failure reason, and returns what ends it early */
  begin(connect: (onFailed: (reason: string) => void) => () => void): void {
    this.#cancelConnect = connect((reason) => this.fail(reason))
  }

  /** It came about. */
  protected get isOpen(): boolean {
    return this.#isOpen
  }

  /** @returns false when it comes too late to count */
  protected open(): boolean {
    if (this.#isOver) return false
    this.#isOpen = true
    this.#finish()
    return true
  }

  protected fail(reason: string): void {
    if (this.#isOver) return
    this.#finish()
    this.onFailed(reason)
  }

  /** @param reason "" = it took too long */
  protected abstract onFailed(reason: string): void

  #onTimeout(): void {
    this.#cancelConnect?.()
    this.fail("")
  }

  #finish(): void {
    this.#isOver = true
    this.#wheel.clear(this.#deadline)
  }
}
