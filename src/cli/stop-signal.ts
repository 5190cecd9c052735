/**
 * When to stop: the first SIGTERM, SIGINT or request of the admin interface asks for a drain; a second signal ends the
 * process at once, as if it had been killed by it.
 */

type StopSignal = "SIGTERM" | "SIGINT"

const signalNumbers: Readonly<Record<StopSignal, number>> = Object.freeze({ SIGINT: 2, SIGTERM: 15 })

export class StopRequest {
  /** Resolves with the reason, once. */
  readonly requested: Promise<string>
  #resolve: (reason: string) => void
  #isRequested = false

  constructor() {
    const { promise, resolve } = Promise.withResolvers<string>()
    this.requested = promise
    this.#resolve = resolve
  }

  get isRequested(): boolean {
    return this.#isRequested
  }

  request(reason: string): void {
    this.#isRequested = true
    this.#resolve(reason)
  }

  listenToSignals(): void {
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      process.on(signal, () => {
        // A shell's code for a process that a signal ended.
        if (this.#isRequested) process.exit(128 + signalNumbers[signal])
        this.request(signal)
      })
    }
  }
}
