/** What Bun 1.4 has and its types do not say. Each is checked at start-up by `net/self-check.ts`. */

export {}

declare global {
  interface Buffer {
    /** One character per byte. */
    latin1Slice(start: number, end: number): string
    /** One byte per character; @returns bytes written. */
    latin1Write(text: string, offset: number, length: number): number
  }
}
