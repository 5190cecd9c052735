/**
 * Reads a TLS ClientHello without answering it: the server name and the protocols a client offers decide what serves its
 * connection, before any certificate is shown (Envoy: `tls_inspector`). Sources: RFC 8446 sections 4.1.2, 4.2, 5.1;
 * RFC 6066 section 3 (server_name); RFC 7301 section 3.1 (ALPN).
 *
 * Total: any bytes give an answer, none makes it throw, and what it keeps is bounded. Each byte is looked at once, in
 * whatever pieces they come.
 */

export interface ClientHello {
  /** Lower-cased; "" = the client names no server. */
  readonly serverName: string
  /** As offered, in the client's order, one character per byte. */
  readonly alpnProtocols: readonly string[]
}

export type ClientHelloOutcome =
  | { readonly kind: "complete"; readonly hello: ClientHello }
  | { readonly kind: "incomplete" }
  /** Not a TLS handshake at all. */
  | { readonly kind: "not-tls" }
  /** A handshake that no two implementations need read alike. */
  | { readonly kind: "malformed" }
  /** Not complete within the limit. */
  | { readonly kind: "too-large" }

const INCOMPLETE: ClientHelloOutcome = Object.freeze({ kind: "incomplete" })
const NOT_TLS: ClientHelloOutcome = Object.freeze({ kind: "not-tls" })
const MALFORMED: ClientHelloOutcome = Object.freeze({ kind: "malformed" })
const TOO_LARGE: ClientHelloOutcome = Object.freeze({ kind: "too-large" })

const RECORD_HEADER_BYTES = 5
const RECORD_TYPE_HANDSHAKE = 22
const RECORD_VERSION_MAJOR = 3
/** RFC 8446 section 5.1. */
const RECORD_PAYLOAD_BYTES_MAX = 1 << 14
const MESSAGE_HEADER_BYTES = 4
const MESSAGE_TYPE_CLIENT_HELLO = 1
const RANDOM_BYTES = 32
const SESSION_ID_BYTES_MAX = 32
const EXTENSION_SERVER_NAME = 0
const EXTENSION_ALPN = 16
const NAME_TYPE_HOST = 0
const SERVER_NAME_BYTES_MAX = 255

export class ClientHelloReader {
  readonly #bytesMax: number
  /** Grows by doubling; holds `#length` bytes. */
  #buffer: Buffer = Buffer.alloc(0)
  #length = 0
  /** Where the next record begins. */
  #recordOffset = 0
  /** The handshake message so far, taken out of its records. */
  #message: Buffer = Buffer.alloc(0)

  /** @param bytesMax of all that is received before the message is complete */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** A copy of everything that was fed, for whoever takes the connection over. */
  get received(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  /** @param bytes are copied. Not to be called again after any answer but "incomplete". */
  feed(bytes: Buffer): ClientHelloOutcome {
    this.#append(bytes)
    const outcome = this.#readRecords()
    return outcome.kind === "incomplete" && this.#length >= this.#bytesMax ? TOO_LARGE : outcome
  }

  #append(bytes: Buffer): void {
    const length = this.#length + bytes.length
    if (length > this.#buffer.length) {
      // The usual ClientHello comes in one piece and is copied once.
      const grown = Buffer.allocUnsafeSlow(Math.max(length, this.#buffer.length * 2))
      this.#buffer.copy(grown, 0, 0, this.#length)
      this.#buffer = grown
    }
    bytes.copy(this.#buffer, this.#length)
    this.#length = length
  }

  #readRecords(): ClientHelloOutcome {
    const { received } = this
    for (;;) {
      const start = this.#recordOffset
      if (start < received.length && received[start] !== RECORD_TYPE_HANDSHAKE) return this.#notAHandshake()
      if (start + 1 < received.length && received[start + 1] !== RECORD_VERSION_MAJOR) return this.#notAHandshake()
      if (start + RECORD_HEADER_BYTES > received.length) return INCOMPLETE
      const length = received.readUInt16BE(start + 3)
      if (length === 0 || length > RECORD_PAYLOAD_BYTES_MAX) return MALFORMED
      const end = start + RECORD_HEADER_BYTES + length
      if (end > received.length) return this.#judgeBeginning(received, start + RECORD_HEADER_BYTES)
      const payload = received.subarray(start + RECORD_HEADER_BYTES, end)
      this.#message = this.#message.length === 0 ? payload : Buffer.concat([this.#message, payload])
      this.#recordOffset = end
      const outcome = this.#readMessage()
      if (outcome.kind !== "incomplete") return outcome
    }
  }

  /** What is clear from the first bytes of a record need not wait for its end. */
  #judgeBeginning(received: Buffer, payloadOffset: number): ClientHelloOutcome {
    const isFirst = this.#message.length === 0 && payloadOffset < received.length
    return isFirst && received[payloadOffset] !== MESSAGE_TYPE_CLIENT_HELLO ? MALFORMED : INCOMPLETE
  }

  #notAHandshake(): ClientHelloOutcome {
    return this.#recordOffset === 0 ? NOT_TLS : MALFORMED
  }

  #readMessage(): ClientHelloOutcome {
    const message = this.#message
    if (message[0] !== MESSAGE_TYPE_CLIENT_HELLO) return MALFORMED
    if (message.length < MESSAGE_HEADER_BYTES) return INCOMPLETE
    const length = message.readUIntBE(1, 3)
    if (length > this.#bytesMax) return TOO_LARGE
    const end = MESSAGE_HEADER_BYTES + length
    if (message.length < end) return INCOMPLETE
    const hello = parseClientHello(message.subarray(MESSAGE_HEADER_BYTES, end))
    return hello === null ? MALFORMED : { kind: "complete", hello }
  }
}

/** @param body of the message, without its header. @returns null when it breaks the grammar. */
export function parseClientHello(body: Buffer): ClientHello | null {
  const fields = new FieldReader(body)
  fields.skip(2 + RANDOM_BYTES)
  const sessionId = fields.vector8()
  const cipherSuites = fields.vector16()
  const compressionMethods = fields.vector8()
  if (sessionId === null || sessionId.length > SESSION_ID_BYTES_MAX) return null
  if (cipherSuites === null || cipherSuites.length < 2 || cipherSuites.length % 2 !== 0) return null
  if (compressionMethods === null || compressionMethods.length === 0) return null
  // Up to TLS 1.2 a hello may end here.
  if (fields.isAtEnd) return { serverName: "", alpnProtocols: [] }
  const extensions = fields.vector16()
  if (extensions === null || !fields.isAtEnd) return null
  return parseExtensions(new FieldReader(extensions))
}

function parseExtensions(extensions: FieldReader): ClientHello | null {
  const seen = new Set<number>()
  let serverName = ""
  let alpnProtocols: readonly string[] = []
  while (!extensions.isAtEnd) {
    const type = extensions.uint16()
    const data = extensions.vector16()
    // RFC 8446 section 4.2: no extension twice.
    if (data === null || seen.has(type)) return null
    seen.add(type)
    if (type === EXTENSION_SERVER_NAME) {
      const name = parseServerName(new FieldReader(data))
      if (name === null) return null
      serverName = name
    } else if (type === EXTENSION_ALPN) {
      const protocols = parseAlpn(new FieldReader(data))
      if (protocols === null) return null
      alpnProtocols = protocols
    }
  }
  return { serverName, alpnProtocols }
}

/** Exactly one host name, as every client sends it; BoringSSL takes no other either. */
function parseServerName(extension: FieldReader): string | null {
  const list = extension.vector16()
  if (list === null || !extension.isAtEnd) return null
  const entry = new FieldReader(list)
  const type = entry.uint8()
  const name = entry.vector16()
  if (type !== NAME_TYPE_HOST || name === null || !entry.isAtEnd) return null
  if (name.length === 0 || name.length > SERVER_NAME_BYTES_MAX) return null
  // Names on the wire are ASCII (RFC 6066); control characters and spaces would only forge log lines.
  for (const byte of name) if (byte <= 0x20 || byte >= 0x7f) return null
  return name.latin1Slice(0, name.length).toLowerCase()
}

function parseAlpn(extension: FieldReader): readonly string[] | null {
  const list = extension.vector16()
  if (list === null || list.length === 0 || !extension.isAtEnd) return null
  const names = new FieldReader(list)
  const protocols: string[] = []
  while (!names.isAtEnd) {
    const name = names.vector8()
    if (name === null || name.length === 0) return null
    protocols.push(name.latin1Slice(0, name.length))
  }
  return protocols
}

/** Reads numbers and length-prefixed vectors. Past the end everything is null, or 0 and then null. */
class FieldReader {
  readonly #bytes: Buffer
  #offset = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#offset === this.#bytes.length
  }

  skip(count: number): void {
    this.#offset += count
  }

  uint8(): number {
    return this.#bytes[this.#offset++] ?? 0
  }

  uint16(): number {
    return (this.uint8() << 8) | this.uint8()
  }

  vector8(): Buffer | null {
    return this.#take(this.uint8())
  }

  vector16(): Buffer | null {
    return this.#take(this.uint16())
  }

  #take(length: number): Buffer | null {
    const start = this.#offset
    if (start + length > this.#bytes.length) return null
    this.#offset = start + length
    return this.#bytes.subarray(start, start + length)
  }
}
