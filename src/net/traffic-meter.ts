/**
 * Counts what goes over sockets: an addition per read and per write. Bytes are those of the protocol above TLS, as in
 * Envoy's `downstream_cx_rx_bytes_total`; over TLS there are more on the wire.
 */

export interface TrafficMeter {
  bytesReceived: number
  /** Taken by the system; what still waits here is not in it. */
  bytesSent: number
}

/** Whoever opens a socket says here who counts for it, because what writes into it is made elsewhere. */
const meters = new WeakMap<object, TrafficMeter>()
/** Of all sockets that nobody counts for; nobody reads it. */
export const UNMETERED: TrafficMeter = { bytesReceived: 0, bytesSent: 0 }

/** From the next `Output.attach` on, what leaves by this socket is counted there. */
export function meterSocket(socket: object, meter: TrafficMeter): void {
  meters.set(socket, meter)
}

export function meterOf(socket: object): TrafficMeter {
  return meters.get(socket) ?? UNMETERED
}
