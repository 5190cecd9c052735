/**
 * Version 4 UUIDs for `x-request-id` (RFC 9562 section 5.4), from a batch of random bytes: one call into the runtime's
 * generator per 256 identifiers. Measured on Bun 1.4.4: 230 ns with `crypto.randomUUID`, see bench/micro.
 */

const UUID_BYTES = 16
const BATCH_BYTES = 256 * UUID_BYTES

const batch = new Uint8Array(BATCH_BYTES)
let used = BATCH_BYTES

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"))

function hex(offset: number): string {
  return HEX[batch[offset] as number] as string
}

export function randomUuid(): string {
  if (used === BATCH_BYTES) {
    crypto.getRandomValues(batch)
    used = 0
  }
  const at = used
  used += UUID_BYTES
  batch[at + 6] = ((batch[at + 6] as number) & 0x0f) | 0x40
  batch[at + 8] = ((batch[at + 8] as number) & 0x3f) | 0x80
  return (
    `${hex(at)}${hex(at + 1)}${hex(at + 2)}${hex(at + 3)}-${hex(at + 4)}${hex(at + 5)}-${hex(at + 6)}${hex(at + 7)}-` +
    `${hex(at + 8)}${hex(at + 9)}-${hex(at + 10)}${hex(at + 11)}${hex(at + 12)}${hex(at + 13)}${hex(at + 14)}${hex(at + 15)}`
  )
}
