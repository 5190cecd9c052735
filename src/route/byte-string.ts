/**
 * Byte strings: text off the wire as one character per byte (latin1), which is how the whole data path holds it.
 *
 * Configuration is Unicode text and Envoy compares its UTF-8 bytes with the wire. So a configured value is turned into
 * a byte string once, at compile time, and compared as it is. Everything here is the identity for ASCII.
 */
import { isUtf8 } from "node:buffer"

/** Whether every character is below 128. Where it is, bytes, UTF-8 and UTF-16 are the same. */
export function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 127) return false
  }
  return true
}

/** The UTF-8 bytes of a configured text, one character each: what the wire is compared with. */
export function toByteString(text: string): string {
  return isAscii(text) ? text : Buffer.from(text, "utf8").toString("latin1")
}

/** The reverse. @returns null when the bytes are not UTF-8. */
export function fromByteString(bytes: string): string | null {
  if (isAscii(bytes)) return bytes
  const buffer = Buffer.from(bytes, "latin1")
  return isUtf8(buffer) ? buffer.toString("utf8") : null
}

/** Lower-cases A-Z and nothing else: `toLowerCase` would fold KELVIN SIGN into `k`, Envoy does not. */
export function asciiLowerCase(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}
