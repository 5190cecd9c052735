/**
 * The names in an X.509 certificate: its subject as RFC 2253 writes it and its subject alternative names, typed. What
 * node:crypto offers for both is one text for people, not to be taken apart again.
 */
import { childrenOf, type DerElement, DerTag, objectIdentifierText, readElement, stringValue } from "./der.ts"

export interface SubjectAltNames {
  readonly dnsNames: readonly string[]
  readonly uris: readonly string[]
  readonly emails: readonly string[]
  /** As text: `10.0.0.1`, `2001:db8:0:0:0:0:0:1`. */
  readonly ipAddresses: readonly string[]
}

export interface CertificateNames extends SubjectAltNames {
  /** RFC 2253, the most specific part first: `CN=shop,O=Example`. "" = the certificate has none. */
  readonly subject: string
  readonly issuer: string
}

const SUBJECT_ALT_NAME = "2.5.29.17"

/** `GeneralName` (RFC 5280 section 4.2.1.6), context-specific tags. */
const GeneralName = Object.freeze({ email: 0x81, dns: 0x82, uri: 0x86, ip: 0x87 } as const)

/** OpenSSL's short names, which Envoy prints. Types not listed are printed as `OID=#HEX`. */
const attributeNames: ReadonlyMap<string, string> = new Map([
  ["2.5.4.3", "CN"],
  ["2.5.4.4", "SN"],
  ["2.5.4.5", "serialNumber"],
  ["2.5.4.6", "C"],
  ["2.5.4.7", "L"],
  ["2.5.4.8", "ST"],
  ["2.5.4.9", "street"],
  ["2.5.4.10", "O"],
  ["2.5.4.11", "OU"],
  ["2.5.4.12", "title"],
  ["2.5.4.13", "description"],
  ["2.5.4.17", "postalCode"],
  ["2.5.4.41", "name"],
  ["2.5.4.42", "GN"],
  ["2.5.4.43", "initials"],
  ["2.5.4.46", "dnQualifier"],
  ["2.5.4.97", "organizationIdentifier"],
  ["1.2.840.113549.1.9.1", "emailAddress"],
  ["0.9.2342.19200300.100.1.1", "UID"],
  ["0.9.2342.19200300.100.1.25", "DC"],
])

/** @param der of the whole certificate. On bytes that are none everything is empty. */
export function certificateNames(der: Buffer): CertificateNames {
  const [tbs] = childrenOf(readElement(der, 0))
  const fields = childrenOf(tbs)
  // The version is optional: [0] version, serial, algorithm, issuer, validity, subject, key, …, [3] extensions.
  const start = fields[0]?.tag === 0xa0 ? 1 : 0
  const issuer = fields[start + 2]
  const subject = fields[start + 4]
  const extensions = fields.find(({ tag }) => tag === 0xa3)
  return { subject: distinguishedName(subject), issuer: distinguishedName(issuer), ...subjectAltNames(extensions) }
}

function subjectAltNames(extensions: DerElement | undefined): SubjectAltNames {
  const names: Record<keyof SubjectAltNames, string[]> = { dnsNames: [], uris: [], emails: [], ipAddresses: [] }
  for (const extension of childrenOf(childrenOf(extensions)[0])) {
    const [type, ...rest] = childrenOf(extension)
    if (type === undefined || objectIdentifierText(type.content) !== SUBJECT_ALT_NAME) continue
    const value = rest.find(({ tag }) => tag === DerTag.octetString)
    if (value === undefined) continue
    for (const { tag, content } of childrenOf(readElement(value.content, 0))) {
      const text = content.toString("latin1")
      if (tag === GeneralName.dns) names.dnsNames.push(text)
      else if (tag === GeneralName.uri) names.uris.push(text)
      else if (tag === GeneralName.email) names.emails.push(text)
      else if (tag === GeneralName.ip) names.ipAddresses.push(ipText(content))
    }
  }
  return names
}

function ipText(content: Buffer): string {
  if (content.length === 4) return content.join(".")
  if (content.length !== 16) return ""
  const groups: string[] = []
  for (let offset = 0; offset < 16; offset += 2) groups.push(content.readUInt16BE(offset).toString(16))
  return groups.join(":")
}

/** RFC 2253 section 2: the last part first, parts of one set joined with `+`. */
function distinguishedName(subject: DerElement | undefined): string {
  return childrenOf(subject)
    .map((set) => childrenOf(set).map(attribute).toReversed().join("+"))
    .toReversed()
    .join(",")
}

function attribute(element: DerElement): string {
  const [type, value] = childrenOf(element)
  if (type === undefined || value === undefined) return ""
  const identifier = objectIdentifierText(type.content)
  const name = attributeNames.get(identifier)
  const text = name === undefined ? null : stringValue(value)
  return `${name ?? identifier}=${text === null ? `#${value.whole.toString("hex").toUpperCase()}` : escapeValue(text)}`
}

/** RFC 2253 section 2.4, and as OpenSSL does it: control characters and everything above ASCII as `\XX` per byte. */
function escapeValue(text: string): string {
  let escaped = ""
  const bytes = Buffer.from(text, "utf8")
  for (const [index, byte] of bytes.entries()) {
    const character = String.fromCharCode(byte)
    const isAtEdge = index === 0 || index === bytes.length - 1
    if (byte < 0x20 || byte >= 0x7f) escaped += `\\${byte.toString(16).toUpperCase().padStart(2, "0")}`
    else if (',+"\\<>;'.includes(character)) escaped += `\\${character}`
    else if ((character === " " && isAtEdge) || (character === "#" && index === 0)) escaped += `\\${character}`
    else escaped += character
  }
  return escaped
}
