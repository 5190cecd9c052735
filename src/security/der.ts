/**
 * Walks DER (ITU-T X.690): just enough to find names in a certificate that BoringSSL has parsed already.
 *
 * `@peculiar/x509` reads all of a certificate in 645 us and takes 117 ms to load (Bun 1.4.4); a handshake with a client
 * certificate costs about 400 us altogether. This reads what is asked for in a few. Total: on bytes that are not DER
 * every function gives null or nothing.
 */

export interface DerElement {
  /** Identifier byte: class, form and number. High tag numbers do not occur in certificates. */
  readonly tag: number
  readonly content: Buffer
  /** Identifier and length included. */
  readonly whole: Buffer
}

export const DerTag = Object.freeze({
  boolean: 0x01,
  integer: 0x02,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  bmpString: 0x1e,
  universalString: 0x1c,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  sequence: 0x30,
  set: 0x31,
} as const)

/** @returns null when there is no whole element at `offset`. */
export function readElement(bytes: Buffer, offset: number): DerElement | null {
  const tag = bytes[offset]
  const first = bytes[offset + 1]
  if (tag === undefined || first === undefined) return null
  let start = offset + 2
  let length = first
  if (first >= 0x80) {
    const lengthBytes = first & 0x7f
    if (lengthBytes === 0 || lengthBytes > 4 || start + lengthBytes > bytes.length) return null
    length = bytes.readUIntBE(start, lengthBytes)
    start += lengthBytes
  }
  if (start + length > bytes.length) return null
  return { tag, content: bytes.subarray(start, start + length), whole: bytes.subarray(offset, start + length) }
}

/** The elements inside a constructed one, up to the first that is broken. */
export function childrenOf(element: DerElement | null | undefined): readonly DerElement[] {
  const children: DerElement[] = []
  if (element === null || element === undefined) return children
  for (let offset = 0; offset < element.content.length; ) {
    const child = readElement(element.content, offset)
    if (child === null) break
    children.push(child)
    offset += child.whole.length
  }
  return children
}

/** `2.5.4.3`; "" when it is none. */
export function objectIdentifierText(content: Buffer): string {
  const arcs: number[] = []
  let value = 0
  for (const byte of content) {
    // Beyond 2^46 numbers are not exact any more, and no identifier in use is that large.
    if (value > 2 ** 46) return ""
    value = value * 128 + (byte & 0x7f)
    if ((byte & 0x80) !== 0) continue
    if (arcs.length === 0) {
      const root = Math.min(2, Math.floor(value / 40))
      arcs.push(root, value - root * 40)
    } else {
      arcs.push(value)
    }
    value = 0
  }
  return arcs.join(".")
}

/** Character strings of every type; null for what is none. */
export function stringValue({ tag, content }: DerElement): string | null {
  switch (tag) {
    case DerTag.utf8String:
      return content.toString("utf8")
    case DerTag.printableString:
    case DerTag.ia5String:
    case DerTag.teletexString:
      return content.toString("latin1")
    case DerTag.bmpString:
      return content.length % 2 === 0 ? Buffer.from(content).swap16().toString("utf16le") : null
    default:
      return null
  }
}
