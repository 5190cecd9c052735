/** Builds ClientHello messages for tests, field by field, right or wrong. */

export interface HelloParts {
  readonly serverNames?: readonly string[]
  readonly alpnProtocols?: readonly string[]
  /** Raw extensions, after the named ones. */
  readonly extensions?: readonly Buffer[]
  readonly sessionId?: Buffer
  readonly cipherSuites?: Buffer
  readonly compressionMethods?: Buffer
  /** After the extensions. */
  readonly trailing?: Buffer
  readonly hasExtensions?: boolean
}

/** The handshake message, header included. */
export function helloMessage(parts: HelloParts = {}): Buffer {
  const extensions = [
    ...(parts.serverNames === undefined ? [] : [serverNameExtension(parts.serverNames)]),
    ...(parts.alpnProtocols === undefined ? [] : [alpnExtension(parts.alpnProtocols)]),
    ...(parts.extensions ?? []),
  ]
  const body = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32, 7),
    vector8(parts.sessionId ?? Buffer.alloc(0)),
    vector16(parts.cipherSuites ?? Buffer.from([0x13, 0x01])),
    vector8(parts.compressionMethods ?? Buffer.from([0])),
    ...(parts.hasExtensions === false ? [] : [vector16(Buffer.concat(extensions))]),
    parts.trailing ?? Buffer.alloc(0),
  ])
  const header = Buffer.from([1, 0, 0, 0])
  header.writeUIntBE(body.length, 1, 3)
  return Buffer.concat([header, body])
}

/** The message in records of at most `fragmentBytes` each. */
export function inRecords(message: Buffer, fragmentBytes = 16_384): Buffer {
  const records: Buffer[] = []
  for (let start = 0; start < message.length; start += fragmentBytes) {
    const payload = message.subarray(start, start + fragmentBytes)
    records.push(Buffer.from([22, 3, 1]), vector16(payload))
  }
  return Buffer.concat(records)
}

export function serverNameExtension(names: readonly string[]): Buffer {
  const entries = names.map((name) => Buffer.concat([Buffer.from([0]), vector16(Buffer.from(name, "latin1"))]))
  return extension(0, vector16(Buffer.concat(entries)))
}

export function alpnExtension(protocols: readonly string[]): Buffer {
  return extension(16, vector16(Buffer.concat(protocols.map((name) => vector8(Buffer.from(name, "latin1"))))))
}

export function extension(type: number, data: Buffer): Buffer {
  return Buffer.concat([Buffer.from([type >> 8, type & 0xff]), vector16(data)])
}

export function vector8(data: Buffer): Buffer {
  return Buffer.concat([Buffer.from([data.length]), data])
}

export function vector16(data: Buffer): Buffer {
  return Buffer.concat([Buffer.from([data.length >> 8, data.length & 0xff]), data])
}
