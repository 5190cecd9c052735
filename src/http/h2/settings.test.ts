import { expect, test } from "bun:test"
import { ErrorCode } from "./frame.ts"
import { PeerSettings, Setting } from "./settings.ts"

function payload(...pairs: readonly (readonly [identifier: number, value: number])[]): Buffer {
  const bytes = Buffer.alloc(pairs.length * 6)
  for (const [index, [identifier, value]] of pairs.entries()) {
    bytes.writeUInt16BE(identifier, index * 6)
    bytes.writeUInt32BE(value, index * 6 + 2)
  }
  return bytes
}

function apply(isFromClient: boolean, ...pairs: readonly (readonly [number, number])[]): number {
  const bytes = payload(...pairs)
  return new PeerSettings(100).apply(bytes, 0, bytes.length, isFromClient)
}

test("RFC 9113 6.5.3: values are taken in order, the last of equal identifiers counts, unknown ones do not", () => {
  const settings = new PeerSettings(100)
  const bytes = payload(
    [Setting.initialWindowSize, 1],
    [0xff, 7],
    [Setting.initialWindowSize, 2],
    [Setting.maxFrameSize, 20_000],
    [Setting.maxConcurrentStreams, 3],
    [Setting.headerTableSize, 5],
  )
  expect(settings.apply(bytes, 0, bytes.length, true)).toBe(0)
  const { initialWindowBytes, frameBytesMax, maxConcurrentStreams, headerTableBytes } = settings
  expect([initialWindowBytes, frameBytesMax, maxConcurrentStreams, headerTableBytes]).toEqual([2, 20_000, 3, 5])
})

test.each([
  ["ENABLE_PUSH 2 is an error", [Setting.enablePush, 2], ErrorCode.protocolError],
  ["ENABLE_PUSH 1 is not", [Setting.enablePush, 1], 0],
  ["a window over 2^31-1 is a flow-control error", [Setting.initialWindowSize, 0x80000000], ErrorCode.flowControlError],
  ["a window of 2^31-1 is not", [Setting.initialWindowSize, 0x7fffffff], 0],
  ["a frame size under 16384 is an error", [Setting.maxFrameSize, 16_383], ErrorCode.protocolError],
  ["a frame size over 2^24-1 is an error", [Setting.maxFrameSize, 0x1000000], ErrorCode.protocolError],
] as const)("RFC 9113 6.5.2: from a client, %s", (_name, pair, result) => {
  expect(apply(true, pair)).toBe(result)
})

test("RFC 9113 6.5.2: from a server, ENABLE_PUSH 1 is an error", () => {
  expect(apply(false, [Setting.enablePush, 1])).toBe(ErrorCode.protocolError)
})

test("RFC 8441 3: ENABLE_CONNECT_PROTOCOL is 0 or 1, and never goes back", () => {
  expect(apply(false, [Setting.enableConnectProtocol, 2])).toBe(ErrorCode.protocolError)
  expect(apply(false, [Setting.enableConnectProtocol, 1], [Setting.enableConnectProtocol, 0])).toBe(
    ErrorCode.protocolError,
  )
  expect(apply(false, [Setting.enableConnectProtocol, 0], [Setting.enableConnectProtocol, 1])).toBe(0)
})
