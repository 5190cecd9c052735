/**
 * Writes frames to a connection's Output (RFC 9113 section 6). Small ones gather in its cork, so that the frames of one
 * event leave in one system call.
 */
import type { Output } from "../../net/output.ts"
import { Flag, FRAME_HEAD_BYTES, FrameType } from "./frame.ts"

/**
 * DATA per frame: with its head just under 16 KiB, what the Output still copies into its cork. So a large body leaves in
 * writes of many frames, not in two system calls for each.
 */
export const DATA_BYTES_PER_FRAME = 16_384 - FRAME_HEAD_BYTES - 1

/** Settings, GOAWAY and the like: head, fixed part, and debug text. */
const SMALL_FRAME_BYTES_MAX = 256
const GO_AWAY_DEBUG_BYTES_MAX = 128

/** The frame under construction; copied by the Output before a call returns. */
const frame = Buffer.alloc(SMALL_FRAME_BYTES_MAX)

/** Writes a frame head at `offset`. */
export function putFrameHead(
  target: Buffer,
  offset: number,
  length: number,
  type: number,
  flags: number,
  streamId: number,
): void {
  target[offset] = length >>> 16
  target[offset + 1] = (length >>> 8) & 0xff
  target[offset + 2] = length & 0xff
  target[offset + 3] = type
  target[offset + 4] = flags
  putUint32(target, offset + 5, streamId)
}

function putUint32(target: Buffer, offset: number, value: number): void {
  target[offset] = value >>> 24
  target[offset + 1] = (value >>> 16) & 0xff
  target[offset + 2] = (value >>> 8) & 0xff
  target[offset + 3] = value & 0xff
}

export function writeData(
  output: Output,
  streamId: number,
  bytes: Buffer,
  start: number,
  end: number,
  isEndStream: boolean,
): void {
  putFrameHead(frame, 0, end - start, FrameType.data, isEndStream ? Flag.endStream : 0, streamId)
  output.writeBytes(frame, 0, FRAME_HEAD_BYTES)
  if (end > start) output.writeBytes(bytes, start, end)
}

/**
 * Writes a field block as HEADERS and, where it is longer than a frame may be, CONTINUATION.
 * @param block the block, with FRAME_HEAD_BYTES free before `start`
 */
export function writeFieldBlock(
  output: Output,
  streamId: number,
  block: Buffer,
  start: number,
  end: number,
  isEndStream: boolean,
  frameBytesMax: number,
): void {
  const firstEnd = Math.min(end, start + frameBytesMax)
  const flags = (isEndStream ? Flag.endStream : 0) | (firstEnd === end ? Flag.endHeaders : 0)
  putFrameHead(block, start - FRAME_HEAD_BYTES, firstEnd - start, FrameType.headers, flags, streamId)
  output.writeBytes(block, start - FRAME_HEAD_BYTES, firstEnd)
  for (let offset = firstEnd; offset < end; ) {
    const next = Math.min(end, offset + frameBytesMax)
    const isLast = next === end ? Flag.endHeaders : 0
    // What was before is written: its last bytes make room for this head.
    putFrameHead(block, offset - FRAME_HEAD_BYTES, next - offset, FrameType.continuation, isLast, streamId)
    output.writeBytes(block, offset - FRAME_HEAD_BYTES, next)
    offset = next
  }
}

/** @param settings identifier and value, in pairs */
export function writeSettings(
  output: Output,
  settings: readonly (readonly [identifier: number, value: number])[],
): void {
  let end = FRAME_HEAD_BYTES
  for (const [identifier, value] of settings) {
    frame[end] = identifier >>> 8
    frame[end + 1] = identifier & 0xff
    putUint32(frame, end + 2, value)
    end += 6
  }
  putFrameHead(frame, 0, end - FRAME_HEAD_BYTES, FrameType.settings, 0, 0)
  output.writeBytes(frame, 0, end)
}

export function writeSettingsAck(output: Output): void {
  putFrameHead(frame, 0, 0, FrameType.settings, Flag.ack, 0)
  output.writeBytes(frame, 0, FRAME_HEAD_BYTES)
}

/** @param start of eight opaque bytes */
export function writePing(output: Output, bytes: Buffer, start: number, isAck: boolean): void {
  putFrameHead(frame, 0, 8, FrameType.ping, isAck ? Flag.ack : 0, 0)
  bytes.copy(frame, FRAME_HEAD_BYTES, start, start + 8)
  output.writeBytes(frame, 0, FRAME_HEAD_BYTES + 8)
}

export function writeWindowUpdate(output: Output, streamId: number, increment: number): void {
  putFrameHead(frame, 0, 4, FrameType.windowUpdate, 0, streamId)
  putUint32(frame, FRAME_HEAD_BYTES, increment)
  output.writeBytes(frame, 0, FRAME_HEAD_BYTES + 4)
}

export function writeRstStream(output: Output, streamId: number, errorCode: number): void {
  putFrameHead(frame, 0, 4, FrameType.rstStream, 0, streamId)
  putUint32(frame, FRAME_HEAD_BYTES, errorCode)
  output.writeBytes(frame, 0, FRAME_HEAD_BYTES + 4)
}

/** @param debug for whoever reads a trace; a name of ours, never a peer's text */
export function writeGoAway(output: Output, lastStreamId: number, errorCode: number, debug: string): void {
  const debugBytes = Math.min(debug.length, GO_AWAY_DEBUG_BYTES_MAX)
  putFrameHead(frame, 0, 8 + debugBytes, FrameType.goAway, 0, 0)
  putUint32(frame, FRAME_HEAD_BYTES, lastStreamId)
  putUint32(frame, FRAME_HEAD_BYTES + 4, errorCode)
  frame.latin1Write(debug, FRAME_HEAD_BYTES + 8, debugBytes)
  output.writeBytes(frame, 0, FRAME_HEAD_BYTES + 8 + debugBytes)
}
