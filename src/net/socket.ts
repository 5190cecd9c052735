/**
 * The one door to Bun's sockets: everything undocumented or untyped about them is here, with a check behind each cast.
 *
 * A socket has one owner at a time (`socket.data`); events go to it. The owner may change during a socket's life: that is
 * how a connection is first looked at, then handed to a codec.
 */
import { flushCorked } from "./output.ts"

export type TcpSocket = Bun.Socket<SocketOwner>

/** Whoever handles the events of a socket. Methods are called from the event loop and must not throw. */
export interface SocketOwner {
  onOpen(socket: TcpSocket): void
  /** `bytes` is only valid during the call. */
  onData(bytes: Buffer): void
  /** The socket takes bytes again. */
  onDrain(): void
  /** The peer sent FIN. */
  onEnd(): void
  /** The socket is gone; nothing can be sent any more. Called once. */
  onClose(error: Error | null): void
}

/** Called when an owner throws: our bug, never the peer's doing. The socket is cut, the process lives. */
export type OnInvariantError = (error: unknown) => void

interface PausableSocket {
  pause(): void
  resume(): void
  setNoDelay(noDelay: boolean): boolean
}

function isPausable(socket: object): socket is PausableSocket {
  return "pause" in socket && "resume" in socket && "setNoDelay" in socket
}

export function pauseReading(socket: TcpSocket): void {
  if (isPausable(socket)) socket.pause()
}

export function resumeReading(socket: TcpSocket): void {
  if (isPausable(socket)) socket.resume()
}

/** Has the system probe a silent connection. @param afterMs without data until the first probe */
export function setTcpKeepAlive(socket: TcpSocket, afterMs: number): void {
  socket.setKeepAlive(true, afterMs)
}

/** Handlers that pass every event to the socket's owner and send what was corked meanwhile. */
export function ownerHandlers(onInvariantError: OnInvariantError): Bun.SocketHandler<SocketOwner> {
  const guarded = (socket: TcpSocket, error: unknown): void => {
    onInvariantError(error)
    socket.terminate()
  }
  return {
    open(socket) {
      try {
        if (isPausable(socket)) socket.setNoDelay(true)
        socket.data.onOpen(socket)
        flushCorked()
      } catch (error) {
        guarded(socket, error)
      }
    },
    data(socket, bytes) {
      try {
        socket.data.onData(bytes)
        flushCorked()
      } catch (error) {
        guarded(socket, error)
      }
    },
    drain(socket) {
      try {
        socket.data.onDrain()
        flushCorked()
      } catch (error) {
        guarded(socket, error)
      }
    },
    end(socket) {
      try {
        socket.data.onEnd()
        flushCorked()
      } catch (error) {
        guarded(socket, error)
      }
    },
    close(socket, error) {
      try {
        socket.data.onClose(error ?? null)
        flushCorked()
      } catch (thrown) {
        onInvariantError(thrown)
      }
    },
    error(socket, error) {
      onInvariantError(error)
      socket.terminate()
    },
  }
}
