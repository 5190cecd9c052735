/**
 * Keeps asking one HTTP/2 connection whether somebody is still there (DestinationRule `http2KeepAlive`; Envoy:
 * `connection_keepalive`): a PING every so often, and a connection on which nothing at all comes in time is cut. TCP alone
 * would notice a service that vanished without a FIN only after many minutes.
 */
import type { Http2KeepAlive } from "../compile/cluster-policies.ts"
import type { Http2ClientConnection } from "../http/h2/client-connection.ts"
import { Deadline, type TimerWheel } from "../net/timer-wheel.ts"

/** Envoy's `interval_jitter`: connections that were made together do not ask together for ever. */
const JITTER_SHARE_MAX = 0.15

export class Http2Probe {
  readonly #connection: Pick<Http2ClientConnection, "probe" | "hasHeardSinceProbe" | "terminate">
  readonly #policy: Http2KeepAlive
  readonly #wheel: TimerWheel
  readonly #onUnanswered: () => void
  readonly #nextPing = new Deadline(() => this.#ask())
  readonly #answer = new Deadline(() => this.#judge())

  /** @param onUnanswered told before the connection is cut */
  constructor(
    connection: Pick<Http2ClientConnection, "probe" | "hasHeardSinceProbe" | "terminate">,
    policy: Http2KeepAlive,
    wheel: TimerWheel,
    onUnanswered: () => void,
  ) {
    this.#connection = connection
    this.#policy = policy
    this.#wheel = wheel
    this.#onUnanswered = onUnanswered
    this.#wait(0)
  }

  /** @param elapsedMs of the interval */
  #wait(elapsedMs: number): void {
    const intervalMs = this.#policy.intervalMs * (1 + JITTER_SHARE_MAX * Math.random())
    this.#wheel.set(this.#nextPing, Math.max(0, intervalMs - elapsedMs))
  }

  #ask(): void {
    this.#connection.probe()
    this.#wheel.set(this.#answer, this.#policy.timeoutMs)
  }

  /** Any frame will do: a service busy with a large answer may be slow to acknowledge. */
  #judge(): void {
    if (this.#connection.hasHeardSinceProbe) return this.#wait(this.#policy.timeoutMs)
    this.#onUnanswered()
    this.#connection.terminate()
  }

  /** The connection is gone. */
  stop(): void {
    this.#wheel.clear(this.#nextPing)
    this.#wheel.clear(this.#answer)
  }
}
