/**
 * A listener on a loopback port that gives each connection to an object of the test's, and waits for connections by
 * their number. What the connections say is for the subclass.
 */
import { type RawSocket, rawSocketHandlers } from "./raw-socket.ts"
import { waitUntil } from "./wait-until.ts"

export abstract class RawService<Connection extends RawSocket> implements AsyncDisposable {
  /** In order of arrival. */
  readonly connections: Connection[] = []
  readonly port: number
  readonly #listener: Bun.TCPSocketListener<RawSocket>

  /** @param closesOnFin the gateway's FIN ends the connection, as with most services; otherwise the test ends it */
  protected constructor(closesOnFin: boolean) {
    this.#listener = Bun.listen<RawSocket>({
      hostname: "127.0.0.1",
      port: 0,
      allowHalfOpen: true,
      socket: {
        ...rawSocketHandlers,
        open: (socket) => {
          const connection = this.createConnection(this.connections.length)
          socket.data = connection
          this.connections.push(connection)
          connection.attach(socket)
          this.onConnection(connection)
        },
        end(socket) {
          socket.data.onEnd()
          if (closesOnFin) socket.data.halfClose()
        },
      },
    })
    this.port = this.#listener.port
  }

  /** @param index from 0, in order of arrival */
  protected abstract createConnection(index: number): Connection

  /** It is open; nothing has been received. */
  protected onConnection(_connection: Connection): void {}

  /** Connection number `index`, from 0; waits for it. */
  async connection(index = 0): Promise<Connection> {
    return awaitElement(this.connections, index, "connection of the service")
  }

  /** Refuses new connections from now on; those that are open stay. */
  stopListening(): void {
    this.#listener.stop()
  }

  stop(): void {
    this.#listener.stop(true)
    for (const connection of this.connections) connection.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop()
    await waitUntil(() => this.connections.every(({ isClosed }) => isClosed), "all connections of the service closed")
  }
}

/** Element number `index` of a list that grows; waits for it. */
export async function awaitElement<Element>(list: readonly Element[], index: number, what: string): Promise<Element> {
  await waitUntil(() => list.length > index, `${what} ${index}`)
  const element = list[index]
  if (element === undefined) throw new Error(`no ${what} ${index}`)
  return element
}
