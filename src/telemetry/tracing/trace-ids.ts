/** Random ids of traces and spans (W3C Trace Context section 3.2.2), from a batch of random bytes. */

const TRACE_ID_BYTES = 16
const SPAN_ID_BYTES = 8
const BATCH_BYTES = 4096

const batch = Buffer.alloc(BATCH_BYTES)
let used = BATCH_BYTES

/** 32 lower-case hex digits. */
export function randomTraceId(): string {
  return take(TRACE_ID_BYTES)
}

/** 16 lower-case hex digits. */
export function randomSpanId(): string {
  return take(SPAN_ID_BYTES)
}

function take(byteCount: number): string {
  if (used + byteCount > BATCH_BYTES) {
    crypto.getRandomValues(batch)
    used = 0
  }
  const start = used
  used += byteCount
  const id = batch.toString("hex", start, used)
  // All zeros means "none" in every notation.
  return /[1-9a-f]/.test(id) ? id : take(byteCount)
}
