/**
 * A small HTTP server of our own, beside the data path: the status port and the admin interface. Where ports are shared,
 * new connections go to the successor from the moment we drain: whoever asks then asks the one that serves.
 */
import { closeSteered, type SharedListener, steerAway } from "../net/hand-over.ts"
import type { ReusePortControl } from "../net/reuse-port-control.ts"
import type { SharedPorts } from "../net/shared-ports.ts"
import { addressInUse, type ListenFailure, listenFailure } from "./listen-failure.ts"

export interface OwnServer {
  readonly host: string
  readonly port: number
  /** Whoever shares the port gets the new connections. Without anybody it goes on answering. */
  yieldPort(): void
  stop(): Promise<void>
}

export interface OwnServerOptions {
  /** The flag that chose the port, and the port as it is shown; for messages. */
  readonly flag: string
  readonly place: string
  readonly host: string
  /** 0 = a free one. */
  readonly port: number
  readonly idleTimeoutSeconds: number
  readonly bodyBytesMax: number
  /** null = nobody else may listen on the port. */
  readonly sharedPorts: SharedPorts | null
  answer(request: Request): Response | Promise<Response>
}

export function startOwnServer(options: OwnServerOptions): OwnServer | ListenFailure {
  const { flag, place, host, sharedPorts } = options
  // `::` takes IPv4 too.
  const claimed = host === "::" ? "*" : host
  if (sharedPorts?.isClaimed(claimed, options.port) === true) return addressInUse(flag, place)
  const control = sharedPorts?.control ?? null
  const listeningBefore = control?.listeningFds() ?? new Set()
  let requestCount = 0
  try {
    const server = Bun.serve({
      hostname: host,
      port: options.port,
      reusePort: sharedPorts !== null,
      idleTimeout: options.idleTimeoutSeconds,
      maxRequestBodySize: options.bodyBytesMax,
      fetch(request) {
        requestCount++
        return options.answer(request)
      },
    })
    const port = server.port ?? options.port
    sharedPorts?.claim(claimed, port)
    const stop = () => server.stop(true)
    if (control === null) return { host, port, yieldPort() {}, stop }
    const listener = new SharedServerPort(control.listeningFd(port, listeningBefore), () => requestCount)
    return { host, port, ...yielding(listener, control, stop) }
  } catch (error) {
    return listenFailure(flag, place, error)
  }
}

function yielding(
  listener: SharedServerPort,
  control: ReusePortControl,
  stop: () => Promise<void>,
): Pick<OwnServer, "yieldPort" | "stop"> {
  return {
    yieldPort: () => void steerAway(listener, control),
    stop() {
      closeSteered(listener, control)
      return stop()
    },
  }
}

/** What Bun.serve does not tell of its listening socket. */
class SharedServerPort implements SharedListener {
  fd: number
  readonly #requestCount: () => number

  constructor(fd: number, requestCount: () => number) {
    this.fd = fd
    this.#requestCount = requestCount
  }

  /** Requests do as well: this is only asked whether some still come. */
  get acceptedCount(): number {
    return this.#requestCount()
  }

  /** The server closes it; the number may soon be another socket's. */
  stop(): void {
    this.fd = -1
  }
}
