/**
 * Closing a listening socket that shares its port, without losing a connection.
 *
 * Closing it resets what the kernel has accepted for it and nobody has taken yet, and the connections that are between
 * SYN and ACK; and until then new ones keep coming. So the others get the new connections first, this one goes on taking
 * what is still under way, and closes when nothing can come any more:
 *
 *   shared ──steerAway──▶ new SYNs go to another socket ──settleMs──▶ nothing comes ──closeSteered──▶ closed
 */
import type { ReusePortControl } from "./reuse-port-control.ts"

/** A round trip of the slowest client: from its SYN, which came to us, to its ACK. */
const settleMs = 500

/**
 * The group is this one and its successor, as a rule; who began to listen first has index 0. Who still gets connections is
 * index 1 itself, or alone, or another one leaves at the same time and has steered them here. When that one has gone the
 * indices are others, and both are tried again.
 */
const indicesToTry = [1, 0, 1, 0] as const

export interface SharedListener {
  /** -1 = not known, or closed. */
  readonly fd: number
  readonly acceptedCount: number
  /** Closes it at once. */
  stop(): void
}

/**
 * Resolves when new connections go to another socket of the group, for as long as there is one. Goes on without effect
 * when the listener is closed meanwhile.
 * @returns whether the system can do it
 */
export async function steerAway(listener: SharedListener, control: ReusePortControl): Promise<boolean> {
  for (const [attempt, index] of indicesToTry.entries()) {
    if (!control.steerTo(listener.fd, index)) return attempt > 0
    await Bun.sleep(settleMs / 2)
    const acceptedBefore = listener.acceptedCount
    await Bun.sleep(settleMs / 2)
    if (listener.acceptedCount === acceptedBefore) return true
  }
  return true
}

/**
 * Closes a listener from which new connections were steered away, and leaves the others as if it had never been there.
 * A SYN that comes to it between the last two steps is not answered: it is sent again, and finds another socket.
 */
export function closeSteered(listener: SharedListener, control: ReusePortControl): void {
  control.ignoreSyns(listener.fd)
  control.spread(listener.fd)
  listener.stop()
}
