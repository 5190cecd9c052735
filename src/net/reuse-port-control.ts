/**
 * What Linux lets the owner of a socket say about a group of sockets that listen on one port (SO_REUSEPORT): which of
 * them gets the next connection. The kernel asks a program of ours, in the classic instructions of BPF; sockets have
 * indices in the order in which they began to listen, and when one is closed the last takes its place. An index that
 * nobody has means: choose by hash, as without a program (Linux `net/core/sock_reuseport.c`, socket(7)).
 *
 * Bun has no call for this, the C library has.
 */
import { dlopen, ptr } from "bun:ffi"
import { readdirSync, readFileSync } from "node:fs"

const SOL_SOCKET = 1
const SO_ATTACH_FILTER = 26
const SO_ACCEPTCONN = 30
const SO_ATTACH_REUSEPORT_CBPF = 51

/** `struct sock_filter`. */
interface Instruction {
  readonly code: number
  readonly jumpIfTrue: number
  readonly jumpIfFalse: number
  readonly operand: number
}

const LOAD_BYTE = 0x30
const AND = 0x54
const JUMP_IF_EQUAL = 0x15
const RETURN = 0x06

/** `struct sock_fprog`: how many instructions, and after padding where they are. */
const HEADER_BYTES = 16
/** No group is that large. */
const INDEX_OF_NOBODY = 0xffff_ffff
const WHOLE_PACKET = 0xffff_ffff
const TCP_FLAGS_OFFSET = 13
const SYN = 0x02
const SYN_AND_ACK = 0x12

function instruction(code: number, operand: number, jumpIfTrue = 0, jumpIfFalse = 0): Instruction {
  return { code, jumpIfTrue, jumpIfFalse, operand }
}

/** Drops what opens a connection, and takes everything else. A client that gets no answer asks again after a second. */
const dropSyns = [
  instruction(LOAD_BYTE, TCP_FLAGS_OFFSET),
  instruction(AND, SYN_AND_ACK),
  instruction(JUMP_IF_EQUAL, SYN, 0, 1),
  instruction(RETURN, 0),
  instruction(RETURN, WHOLE_PACKET),
]

function openLibrary(path: string) {
  return dlopen(path, {
    setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
    getsockopt: { args: ["i32", "i32", "i32", "ptr", "ptr"], returns: "i32" },
    getsockname: { args: ["i32", "ptr", "ptr"], returns: "i32" },
  }).symbols
}

export class ReusePortControl {
  readonly #libc: ReturnType<typeof openLibrary>

  private constructor(libc: ReturnType<typeof openLibrary>) {
    this.#libc = libc
  }

  /** @returns why it does not work on this machine, as text */
  static open(): ReusePortControl | string {
    if (process.platform !== "linux") return `not on ${process.platform}`
    try {
      const path = findMappedLibc(readFileSync("/proc/self/maps", "latin1"))
      if (path === null) return "no C library found"
      const control = new ReusePortControl(openLibrary(path))
      return control.#works() ? control : "the system refuses SO_ATTACH_REUSEPORT_CBPF"
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  }

  /** Tried on a socket that nobody knows of. */
  #works(): boolean {
    const options: Bun.TCPSocketListenOptions<undefined> & { readonly reusePort: boolean } = {
      hostname: "127.0.0.1",
      port: 0,
      reusePort: true,
      socket: { data() {} },
    }
    const before = this.listeningFds()
    const listener = Bun.listen(options)
    const isTaken = this.spread(this.listeningFd(listener.port, before))
    listener.stop(true)
    return isTaken
  }

  /** All new connections of the group go to one of its sockets. @returns whether the system did it */
  steerTo(fd: number, index: number): boolean {
    return this.#attach(fd, SO_ATTACH_REUSEPORT_CBPF, [instruction(RETURN, index)])
  }

  /** The group shares its new connections by hash again. */
  spread(fd: number): boolean {
    return this.steerTo(fd, INDEX_OF_NOBODY)
  }

  /** This socket alone answers no SYN any more. What it answered before goes on. */
  ignoreSyns(fd: number): boolean {
    return this.#attach(fd, SO_ATTACH_FILTER, dropSyns)
  }

  #attach(fd: number, option: number, program: readonly Instruction[]): boolean {
    if (fd < 0) return false
    // One buffer for both, so that the kernel's pointer into it is good for as long as the call is.
    const memory = new ArrayBuffer(HEADER_BYTES + program.length * 8)
    const header = new DataView(memory, 0, HEADER_BYTES)
    const instructions = new DataView(memory, HEADER_BYTES)
    for (const [index, { code, jumpIfTrue, jumpIfFalse, operand }] of program.entries()) {
      instructions.setUint16(index * 8, code, true)
      instructions.setUint8(index * 8 + 2, jumpIfTrue)
      instructions.setUint8(index * 8 + 3, jumpIfFalse)
      instructions.setUint32(index * 8 + 4, operand, true)
    }
    const address = ptr(memory)
    header.setUint16(0, program.length, true)
    header.setBigUint64(8, BigInt(address + HEADER_BYTES), true)
    return this.#libc.setsockopt(fd, SOL_SOCKET, option, address, HEADER_BYTES) === 0
  }

  /** The sockets of this process that listen. */
  listeningFds(): ReadonlySet<number> {
    const fds = readdirSync("/proc/self/fd").map(Number)
    return new Set(fds.filter((fd) => this.#isListening(fd)))
  }

  /**
   * The socket of this process that listens on a port, for servers that do not tell theirs; -1 = there is none.
   * @param before those that listened before it did: one of them may have the port on another address
   */
  listeningFd(port: number, before: ReadonlySet<number>): number {
    for (const fd of this.listeningFds()) if (!before.has(fd) && this.#portOf(fd) === port) return fd
    return -1
  }

  #isListening(fd: number): boolean {
    const value = new DataView(new ArrayBuffer(4))
    const length = new DataView(new ArrayBuffer(4))
    length.setUint32(0, value.byteLength, true)
    const result = this.#libc.getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, ptr(value), ptr(length))
    return result === 0 && value.getUint32(0, true) === 1
  }

  #portOf(fd: number): number {
    const address = new DataView(new ArrayBuffer(128))
    const length = new DataView(new ArrayBuffer(4))
    length.setUint32(0, address.byteLength, true)
    if (this.#libc.getsockname(fd, ptr(address), ptr(length)) !== 0) return -1
    // At the same place for both families, in network order. A unix socket has no zero there, but it has a path.
    const family = address.getUint16(0, true)
    return family === AF_INET || family === AF_INET6 ? address.getUint16(2) : -1
  }
}

const AF_INET = 2
const AF_INET6 = 10

/**
 * The C library that is loaded already, by its whole path: a bare name might find somebody else's file in the working
 * folder. @param maps `/proc/self/maps`
 */
export function findMappedLibc(maps: string): string | null {
  return / (\/\S*\/(?:libc\.so\.6|libc-[\d.]+\.so|libc\.musl-\w+\.so\.1|ld-musl-\w+\.so\.1))$/m.exec(maps)?.[1] ?? null
}
