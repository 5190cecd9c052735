/** Failures of an upstream request that are known by name: those the gateway makes itself, and who ended one. */
import type { UpstreamFailure } from "../http/stream.ts"

export const OVERFLOW: UpstreamFailure = { kind: "overflow", transportReason: "", isStaleConnection: false }
export const PER_TRY_FAILURE: UpstreamFailure = {
  kind: "per-try-timeout",
  transportReason: "",
  isStaleConnection: false,
}
export const UNEXPECTED_UPGRADE: UpstreamFailure = {
  kind: "protocol-error",
  transportReason: "",
  isStaleConnection: false,
}

const RESETS: ReadonlySet<UpstreamFailure["kind"]> = new Set([
  "connection-termination",
  "remote-reset",
  "refused-stream",
])

/** Whether the service ended it, with its connection or without. */
export function isReset({ kind }: UpstreamFailure): boolean {
  return RESETS.has(kind)
}
