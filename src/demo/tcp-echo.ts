/**
 * The demo's `tcp-echo`: answers every byte with itself, so that TCP and TLS routes have something to reach.
 *
 * It keeps the gateway's own rule: no buffer grows with the peer's speed. While the peer does not read, it is not read from.
 */
import type { Socket } from "bun"

const portService = 9000

interface EchoState {
  /** Bytes taken from the peer and not yet taken back by it; empty while everything has been echoed. */
  pending: Uint8Array
  /** The peer has half-closed: close our half too once `pending` has gone. */
  peerEnded: boolean
}

export interface TcpEcho {
  /** The port as a Service would declare it. */
  readonly servicePort: number
  /** The loopback port really bound. */
  readonly boundPort: number
  stop(): void
}

/** Listens on an ephemeral loopback port and echoes until stopped. */
export function startTcpEcho(): TcpEcho {
  const listener = Bun.listen<EchoState>({
    hostname: "127.0.0.1",
    port: 0,
    allowHalfOpen: true,
    socket: {
      open(socket) {
        socket.data = { pending: new Uint8Array(0), peerEnded: false }
      },
      data(socket, bytes) {
        const state = socket.data
        // A paused socket may still deliver what it had already read: that must not overtake what waits.
        const written = state.pending.byteLength > 0 ? 0 : Math.max(socket.write(bytes), 0)
        if (written === bytes.byteLength) return
        // The buffer is only ours during this call, so what must wait is copied.
        state.pending = Buffer.concat([state.pending, bytes.subarray(written)])
        socket.pause()
      },
      drain: flush,
      end(socket) {
        socket.data.peerEnded = true
        flush(socket)
      },
      error(socket) {
        // A connection that failed has nobody left to tell.
        socket.terminate()
      },
    },
  })
  return {
    servicePort: portService,
    boundPort: listener.port,
    stop: () => listener.stop(true),
  }
}

function flush(socket: Socket<EchoState>): void {
  const state = socket.data
  if (state.pending.byteLength > 0) {
    const written = Math.max(socket.write(state.pending), 0)
    state.pending = state.pending.subarray(written)
    if (state.pending.byteLength > 0) return
    socket.resume()
  }
  if (state.peerEnded) socket.end()
}
