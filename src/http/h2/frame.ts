/** The vocabulary of HTTP/2 frames (RFC 9113 sections 4.1, 6 and 7). */

export const CONNECTION_PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

export const FRAME_HEAD_BYTES = 9
/** What every peer accepts, and what we announce (SETTINGS_MAX_FRAME_SIZE is left at its initial value). */
export const FRAME_BYTES_MAX = 16_384
export const STREAM_ID_MAX = 0x7fffffff
/** RFC 9113 section 6.9.1. */
export const WINDOW_BYTES_MAX = 0x7fffffff

export const FrameType = Object.freeze({
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const)

export const Flag = Object.freeze({
  endStream: 0x1,
  ack: 0x1,
  endHeaders: 0x4,
  padded: 0x8,
  priority: 0x20,
} as const)

/** RFC 9113 section 7. */
export const ErrorCode = Object.freeze({
  noError: 0x0,
  protocolError: 0x1,
  internalError: 0x2,
  flowControlError: 0x3,
  settingsTimeout: 0x4,
  streamClosed: 0x5,
  frameSizeError: 0x6,
  refusedStream: 0x7,
  cancel: 0x8,
  compressionError: 0x9,
  connectError: 0xa,
  enhanceYourCalm: 0xb,
  inadequateSecurity: 0xc,
  http11Required: 0xd,
} as const)

export function readUint16(bytes: Buffer, offset: number): number {
  return ((bytes[offset] as number) << 8) | (bytes[offset + 1] as number)
}

export function readUint32(bytes: Buffer, offset: number): number {
  return ((readUint16(bytes, offset) << 16) | readUint16(bytes, offset + 2)) >>> 0
}

/** A stream identifier or a window size: the highest bit is reserved and ignored (RFC 9113 section 4.1). */
export function readUint31(bytes: Buffer, offset: number): number {
  return readUint32(bytes, offset) & 0x7fffffff
}
