/**
 * SETTINGS: what we announce, and what a peer announced (RFC 9113 section 6.5, RFC 8441 section 3). Pure.
 */
import { ErrorCode, FRAME_BYTES_MAX, readUint16, readUint32, WINDOW_BYTES_MAX } from "./frame.ts"

export const Setting = Object.freeze({
  headerTableSize: 0x1,
  enablePush: 0x2,
  maxConcurrentStreams: 0x3,
  initialWindowSize: 0x4,
  maxFrameSize: 0x5,
  maxHeaderListSize: 0x6,
  enableConnectProtocol: 0x8,
} as const)

export const INITIAL_WINDOW_BYTES = 65_535
const INITIAL_TABLE_BYTES = 4096
const FRAME_SIZE_MAX = 0xffffff

/** A peer's settings as they stand; the initial values until its SETTINGS come. */
export class PeerSettings {
  headerTableBytes = INITIAL_TABLE_BYTES
  /** Streams we may have open at once. */
  maxConcurrentStreams: number
  initialWindowBytes = INITIAL_WINDOW_BYTES
  frameBytesMax = FRAME_BYTES_MAX
  /** Extended CONNECT (RFC 8441). */
  allowsConnectProtocol = false

  /** @param maxConcurrentStreams assumed until the peer says a number */
  constructor(maxConcurrentStreams: number) {
    this.maxConcurrentStreams = maxConcurrentStreams
  }

  /**
   * Takes over one SETTINGS payload, in order; the last of equal identifiers counts, unknown ones do not.
   * @param isFromClient a server must not announce ENABLE_PUSH 1 (section 6.5.2)
   * @returns 0, or the ErrorCode that ends the connection
   */
  apply(bytes: Buffer, start: number, end: number, isFromClient: boolean): number {
    for (let offset = start; offset < end; offset += 6) {
      const fault = this.#set(readUint16(bytes, offset), readUint32(bytes, offset + 2), isFromClient)
      if (fault !== 0) return fault
    }
    return 0
  }

  #set(identifier: number, value: number, isFromClient: boolean): number {
    switch (identifier) {
      case Setting.headerTableSize:
        this.headerTableBytes = value
        return 0
      case Setting.enablePush:
        return value > (isFromClient ? 1 : 0) ? ErrorCode.protocolError : 0
      case Setting.maxConcurrentStreams:
        this.maxConcurrentStreams = value
        return 0
      case Setting.initialWindowSize:
        this.initialWindowBytes = value
        return value > WINDOW_BYTES_MAX ? ErrorCode.flowControlError : 0
      case Setting.maxFrameSize:
        this.frameBytesMax = value
        return value < FRAME_BYTES_MAX || value > FRAME_SIZE_MAX ? ErrorCode.protocolError : 0
      case Setting.enableConnectProtocol:
        // RFC 8441 section 3: 0 or 1, and never back from 1 to 0.
        if (value > 1 || (value === 0 && this.allowsConnectProtocol)) return ErrorCode.protocolError
        this.allowsConnectProtocol = value === 1
        return 0
      default:
        return 0
    }
  }
}
