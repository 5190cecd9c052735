/** The present moment as RFC 9110 section 5.6.7 writes it (IMF-fixdate), made once a second. */

let cachedSecond = -1
let cachedText = ""

export function httpDate(): string {
  const nowUnixMs = Date.now()
  const second = Math.floor(nowUnixMs / 1000)
  if (second !== cachedSecond) {
    cachedSecond = second
    cachedText = new Date(nowUnixMs).toUTCString()
  }
  return cachedText
}
