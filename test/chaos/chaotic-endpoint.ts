/** A service that can be told to die, to hang, or to reset connections at random, and that counts what it was sent. */

export type EndpointMood = "well" | "hanging" | "resetting"

/** Of requests in the mood `resetting`: that many are cut off instead of answered. */
const resetProbability = 0.05

interface Connection {
  received: string
}

export class ChaoticEndpoint {
  mood: EndpointMood = "well"
  /** Deliveries by request line. */
  readonly deliveries: Map<string, number>
  readonly port: number
  readonly #random: () => number
  #listener: Bun.TCPSocketListener<Connection> | null

  /** @param deliveries shared by all endpoints: what matters is how often a request arrived anywhere */
  constructor(deliveries: Map<string, number>, random: () => number) {
    this.deliveries = deliveries
    this.#random = random
    this.#listener = this.#listen(0)
    this.port = this.#listener.port
  }

  /** Refuses connections and cuts the open ones, as a process that was killed. */
  kill(): void {
    this.#listener?.stop(true)
    this.#listener = null
  }

  revive(): void {
    this.mood = "well"
    this.#listener ??= this.#listen(this.port)
  }

  #listen(port: number): Bun.TCPSocketListener<Connection> {
    return Bun.listen<Connection>({
      hostname: "127.0.0.1",
      port,
      socket: {
        open: (socket) => {
          socket.data = { received: "" }
        },
        data: (socket, bytes) => {
          socket.data.received += bytes.toString("latin1")
          const end = socket.data.received.indexOf("\r\n\r\n")
          if (end < 0) return
          const line = socket.data.received.slice(0, socket.data.received.indexOf("\r\n"))
          socket.data.received = socket.data.received.slice(end + 4)
          this.deliveries.set(line, (this.deliveries.get(line) ?? 0) + 1)
          this.#answer(socket)
        },
        error() {
          // A peer that went away: nothing here depends on it.
        },
      },
    })
  }

  #answer(socket: Bun.Socket<Connection>): void {
    if (this.mood === "hanging") return
    if (this.mood === "resetting" && this.#random() < resetProbability) socket.terminate()
    else socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
  }
}
