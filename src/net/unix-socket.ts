/**
 * Unix sockets among addresses: `unix:/run/x.sock` for one with a path, `unix:@name` for one of Linux's abstract names
 * (unix(7)), which have no file and end with their process.
 */

const PREFIX = "unix:"

export function isUnixAddress(address: string): boolean {
  return address.startsWith(PREFIX)
}

/** What the system knows it by: an abstract name begins with a zero byte. */
export function unixPathOf(address: string): string {
  const path = address.slice(PREFIX.length)
  return path.startsWith("@") ? `\0${path.slice(1)}` : path
}
