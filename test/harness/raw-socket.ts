/**
 * A TCP connection as a test sees it: bytes as they come, FIN and reset told apart, reading that can be held back. Both
 * ends of a test are made of it (`raw-client`, `scripted-upstream`), and neither trusts a line of the gateway's own code.
 *
 * Text is latin1 throughout: one character per byte.
 */

/** A test that waits longer than this has failed; below the time that `bun test` gives a test of its own accord. */
export const WAIT_MS_MAX = 4_500

export type Bytes = string | Uint8Array

/** Latin1 text or bytes as bytes. */
export function toBytes(data: Bytes): Uint8Array {
  return typeof data === "string" ? Buffer.from(data, "latin1") : data
}

export class RawSocket {
  /** Everything received, those taken included. */
  bytesReceived = 0
  /** Everything handed to `send`. */
  bytesSent = 0
  /** Bytes handed to `send` that the kernel has not taken yet. */
  bytesUnsent = 0
  /** The peer sent FIN. */
  hasEnded = false
  /** Nothing can be sent or received any more. */
  isClosed = false
  /** Off: what comes is counted and dropped, for transfers too large to keep. */
  keepsBytes = true
  #socket: Bun.Socket<RawSocket> | null = null
  #chunks: Buffer[] = []
  #unsent: Uint8Array[] = []
  #endsWhenSent = false
  #isPaused = false
  #wake: (() => void)[] = []

  // --- what a test does ----------------------------------------------------------------------------------------------

  send(data: Bytes): void {
    const bytes = toBytes(data)
    if (this.#socket === null || bytes.length === 0) return
    this.bytesSent += bytes.length
    this.bytesUnsent += bytes.length
    this.#unsent.push(bytes.slice())
    this.#flush()
  }

  /** Sends FIN after everything sent so far; reading goes on. */
  halfClose(): void {
    this.#endsWhenSent = true
    this.#flush()
  }

  /** Closes at once; what was not sent is lost. */
  close(): void {
    this.#socket?.terminate()
  }

  /** Reads nothing more from the kernel until `resume`: a peer that does not keep up. */
  pause(): void {
    this.#isPaused = true
    this.#socket?.pause()
  }

  resume(): void {
    this.#isPaused = false
    this.#socket?.resume()
  }

  /** The bytes received and not taken yet. */
  peek(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)]
    return this.#chunks[0] ?? Buffer.alloc(0)
  }

  /** Takes bytes that are there. */
  take(count: number): Buffer {
    const bytes = this.peek()
    this.#chunks = count < bytes.length ? [bytes.subarray(count)] : []
    return bytes.subarray(0, count)
  }

  /** Whether what was received and not taken ends like this; looks at the last bytes only. */
  endsWith(text: string): boolean {
    let tail = ""
    for (let index = this.#chunks.length - 1; index >= 0 && tail.length < text.length; index--) {
      tail = (this.#chunks[index]?.subarray(-text.length).toString("latin1") ?? "") + tail
    }
    return tail.endsWith(text)
  }

  /** Waits until it holds, asked again after every event of this socket. @param what for the message when it never does */
  async until(condition: () => boolean, what: string): Promise<void> {
    const deadline = Promise.withResolvers<never>()
    const timer = setTimeout(() => deadline.reject(new Error(`never came: ${what}; ${this.#describe()}`)), WAIT_MS_MAX)
    try {
      while (!condition()) await Promise.race([new Promise<void>((wake) => this.#wake.push(wake)), deadline.promise])
    } finally {
      clearTimeout(timer)
    }
  }

  /** Waits until the peer has closed, with FIN or reset. @returns what came before that and was not taken */
  async untilClosed(): Promise<Buffer> {
    await this.until(() => this.hasEnded || this.isClosed, "the end of the connection")
    return this.take(this.peek().length)
  }

  async takeExactly(count: number): Promise<Buffer> {
    await this.until(() => this.peek().length >= count || this.hasEnded || this.isClosed, `${count} bytes`)
    if (this.peek().length < count) throw new Error(`closed before ${count} bytes; ${this.#describe()}`)
    return this.take(count)
  }

  // --- what Bun tells ------------------------------------------------------------------------------------------------

  attach(socket: Bun.Socket<RawSocket>): void {
    this.#socket = socket
    socket.setNoDelay(true)
    if (this.#isPaused) socket.pause()
    this.#changed()
  }

  onData(bytes: Buffer): void {
    this.bytesReceived += bytes.length
    if (this.keepsBytes) this.#chunks.push(Buffer.from(bytes))
    this.#changed()
  }

  onDrain(): void {
    this.#flush()
    this.#changed()
  }

  onEnd(): void {
    this.hasEnded = true
    this.#changed()
  }

  onClose(): void {
    this.isClosed = true
    this.#socket = null
    this.#changed()
  }

  /** Called after every event, when nobody waits too. */
  protected onChange(): void {}

  #changed(): void {
    this.onChange()
    for (const wake of this.#wake.splice(0)) wake()
  }

  #flush(): void {
    const socket = this.#socket
    if (socket === null) return
    for (let first = this.#unsent[0]; first !== undefined; first = this.#unsent[0]) {
      const written = Math.max(0, socket.write(first))
      this.bytesUnsent -= written
      if (written < first.length) {
        this.#unsent[0] = first.subarray(written)
        return
      }
      this.#unsent.shift()
    }
    if (!this.#endsWhenSent) return
    this.#endsWhenSent = false
    socket.shutdown()
  }

  #describe(): string {
    const state = this.isClosed ? "closed" : this.hasEnded ? "ended" : "open"
    return `${state}, unread: ${JSON.stringify(this.peek().subarray(0, 2_000).toString("latin1"))}`
  }
}

/** Bun's handlers for sockets whose data is a RawSocket. */
export const rawSocketHandlers: Bun.SocketHandler<RawSocket> = {
  open: (socket) => socket.data.attach(socket),
  data: (socket, bytes) => socket.data.onData(bytes),
  drain: (socket) => socket.data.onDrain(),
  end: (socket) => socket.data.onEnd(),
  close: (socket) => socket.data.onClose(),
  error: (socket) => socket.data.onClose(),
}
