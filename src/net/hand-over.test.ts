/** On real sockets: what the kernel does with a group of listeners is what is tested here. */
import { describe, expect, test } from "bun:test"
import { tmpdir } from "node:os"
import { closeSteered, steerAway } from "./hand-over.ts"
import { ReusePortControl } from "./reuse-port-control.ts"
import { SharedPorts } from "./shared-ports.ts"
import { ownerHandlers, type SocketOwner } from "./socket.ts"
import { type BoundSocket, bindTcp } from "./tcp-listener.ts"

const closing: SocketOwner = {
  onOpen: (socket) => void socket.end(),
  onData() {},
  onDrain() {},
  onEnd() {},
  onClose() {},
}

/** So many that a hash of their ports reaches each of three sockets. */
const connectionCount = 100

class Group implements Disposable {
  readonly control: ReusePortControl
  readonly sockets: BoundSocket[] = []

  constructor() {
    const control = ReusePortControl.open()
    if (typeof control === "string") throw new Error(control)
    this.control = control
  }

  /** Joins the others, as a process of its own does: with claims of its own. */
  add(address = "127.0.0.1"): BoundSocket {
    const handlers = ownerHandlers((error) => {
      throw error
    })
    const sharedPorts = new SharedPorts(this.control)
    const { sockets, failure } = bindTcp([address], this.port, { handlers, accept: () => closing, sharedPorts })
    const [socket] = sockets
    if (socket === undefined) throw new Error(failure)
    this.sockets.push(socket)
    return socket
  }

  get port(): number {
    return this.sockets[0]?.port ?? 0
  }

  /** Connections one after the other. @returns how many each socket got */
  async connect(address = "127.0.0.1", count = connectionCount): Promise<readonly number[]> {
    const before = this.sockets.map(({ acceptedCount }) => acceptedCount)
    for (let each = 0; each < count; each++) {
      const closed = Promise.withResolvers<void>()
      await Bun.connect({
        hostname: address,
        port: this.port,
        socket: { data() {}, end: (socket) => void socket.end(), close: () => closed.resolve() },
      })
      await closed.promise
    }
    return this.sockets.map(({ acceptedCount }, index) => acceptedCount - (before[index] ?? 0))
  }

  [Symbol.dispose](): void {
    for (const socket of this.sockets) socket.stop()
  }
}

describe.skipIf(process.platform !== "linux")("listeners that share a port", () => {
  for (const address of ["127.0.0.1", "::1"]) {
    test(`${address}: both get connections; from the first they are steered to the second, and it may close`, async () => {
      using group = new Group()
      const first = group.add(address)
      group.add(address)
      expect(Math.min(...(await group.connect(address)))).toBeGreaterThan(0)
      expect(await steerAway(first, group.control)).toBe(true)
      expect(await group.connect(address)).toEqual([0, connectionCount])
      closeSteered(first, group.control)
      expect(first.fd).toBe(-1)
      expect(await group.connect(address)).toEqual([0, connectionCount])
    })
  }

  test("one that began to listen later finds out that it steers to itself, and steers to the other", async () => {
    using group = new Group()
    group.add()
    const second = group.add()
    let isSteered = false
    const steering = steerAway(second, group.control).then(() => {
      isSteered = true
    })
    while (!isSteered) await group.connect("127.0.0.1", 1)
    await steering
    expect(await group.connect()).toEqual([connectionCount, 0])
  })

  test("when one of three has left, the other two share the connections again", async () => {
    using group = new Group()
    const first = group.add()
    group.add()
    group.add()
    await steerAway(first, group.control)
    expect(await group.connect()).toEqual([0, connectionCount, 0])
    closeSteered(first, group.control)
    const [none, ...others] = await group.connect()
    expect(none).toBe(0)
    expect(Math.min(...others)).toBeGreaterThan(0)
  })

  test("two that leave at the same time lose no connection to the one that stays", async () => {
    using group = new Group()
    const first = group.add()
    const second = group.add()
    const third = group.add()
    const leave = async (socket: BoundSocket) => {
      await steerAway(socket, group.control)
      closeSteered(socket, group.control)
    }
    let isOver = false
    let connected = 0
    const clients = Array.from({ length: 16 }, async () => {
      while (!isOver) {
        await group.connect("127.0.0.1", 1)
        connected++
      }
    })
    const leaving = [leave(second)]
    // The second steers to itself, then to the first, which then finds out that it gets connections again.
    await Bun.sleep(100)
    leaving.push(leave(first))
    await Promise.all(leaving)
    isOver = true
    await Promise.all(clients)
    expect(group.sockets.reduce((sum, { acceptedCount }) => sum + acceptedCount, 0)).toBe(connected)
    expect(third.acceptedCount).toBeGreaterThan(0)
    expect(await group.connect()).toEqual([0, 0, connectionCount])
  })

  test("one that is alone goes on accepting until it closes", async () => {
    using group = new Group()
    const only = group.add()
    await steerAway(only, group.control)
    expect(await group.connect()).toEqual([connectionCount])
  })

  test("one that is closed while it steers away touches no other socket", async () => {
    using group = new Group()
    const first = group.add()
    const second = group.add()
    const steering = steerAway(first, group.control)
    first.stop()
    expect(await steering).toBe(true)
    closeSteered(first, group.control)
    expect(second.fd).toBeGreaterThan(0)
    expect(await group.connect()).toEqual([0, connectionCount])
  })

  test("a connection that was accepted before goes on after its listener ignores SYNs and is closed", async () => {
    using group = new Group()
    const echoed = Promise.withResolvers<string>()
    const handlers = ownerHandlers((error) => echoed.reject(error))
    const echo: SocketOwner = { ...closing, onOpen() {} }
    const accept = () => ({ ...echo })
    const sharedPorts = new SharedPorts(group.control)
    const { sockets } = bindTcp(["127.0.0.1"], 0, {
      handlers: { ...handlers, data: (socket, bytes) => void socket.write(bytes) },
      accept,
      sharedPorts,
    })
    const [listener] = sockets
    if (listener === undefined) throw new Error("not bound")
    const client = await Bun.connect({
      hostname: "127.0.0.1",
      port: listener.port,
      socket: { data: (_, bytes) => echoed.resolve(bytes.toString()) },
    })
    while (listener.acceptedCount === 0) await Bun.sleep(1)
    closeSteered(listener, group.control)
    client.write("still there")
    expect(await echoed.promise).toBe("still there")
    client.end()
  })
})

describe("one process", () => {
  test("does not share a port with itself, not even on an address that includes the other", () => {
    const sharedPorts = new SharedPorts(null)
    const acceptor = { handlers: ownerHandlers(() => {}), accept: () => closing, sharedPorts }
    const { sockets } = bindTcp(["127.0.0.1"], 0, acceptor)
    const [first] = sockets
    if (first === undefined) throw new Error("not bound")
    const again = bindTcp(["0.0.0.0"], first.port, acceptor)
    expect(again.failure).toBe(`cannot listen on 0.0.0.0:${first.port}: address already in use, by this gateway itself`)
    expect(again.sockets).toEqual([])
    // While it is handed over, its successor may be in the same process.
    first.release()
    const next = bindTcp(["127.0.0.1"], first.port, acceptor)
    expect(next.failure).toBe("")
    for (const socket of [first, ...next.sockets]) socket.stop()
  })

  test("shares no unix socket: it has no port, and a second one on its path fails", () => {
    const path = `${tmpdir()}/portcullis-hand-over-${process.pid}.sock`
    const acceptor = { handlers: ownerHandlers(() => {}), accept: () => closing, sharedPorts: new SharedPorts(null) }
    const other = { ...acceptor, sharedPorts: new SharedPorts(null) }
    const { sockets } = bindTcp([`unix:${path}`], 0, acceptor)
    expect(sockets.map(({ port }) => port)).toEqual([0])
    const taken = "address already in use (where a gateway was killed its file stays: remove it)"
    expect(bindTcp([`unix:${path}`], 0, other).failure).toBe(`cannot listen on unix:${path}: ${taken}`)
    for (const socket of sockets) socket.stop()
  })

  for (const [who, first, second, reason] of [
    ["first", new SharedPorts(null), null, "address already in use"],
    [
      "second",
      null,
      new SharedPorts(null),
      "address already in use, by a program that does not share it (another user's, or without --reuse-port)",
    ],
  ] as const) {
    test(`a port is not shared when only the ${who} would`, () => {
      const common = { handlers: ownerHandlers(() => {}), accept: () => closing }
      const { sockets } = bindTcp(["127.0.0.1"], 0, { ...common, sharedPorts: first })
      const port = sockets[0]?.port ?? 0
      expect(bindTcp(["127.0.0.1"], port, { ...common, sharedPorts: second })).toEqual({
        sockets: [],
        failure: `cannot listen on 127.0.0.1:${port}: ${reason}`,
      })
      for (const socket of sockets) socket.stop()
    })
  }
})
