/** Ranges of IP addresses, asked once per connection whether they hold its peer. */
import { BlockList, isIP, isIPv6 } from "node:net"

/** `10.0.0.0/8`; a single address has the full length, 32 or 128. */
export interface IpRange {
  readonly address: string
  readonly prefixLength: number
}

export class IpRanges {
  readonly #ranges = new BlockList()

  /** @param ranges valid ones; an empty list holds nobody. */
  constructor(ranges: readonly IpRange[]) {
    for (const { address, prefixLength } of ranges) {
      this.#ranges.addSubnet(address, prefixLength, isIPv6(address) ? "ipv6" : "ipv4")
    }
  }

  /** @param ip anything but an IP address, such as the "" of a unix socket, is in no range. */
  has(ip: string): boolean {
    const family = isIP(ip)
    return family !== 0 && this.#ranges.check(ip, family === 6 ? "ipv6" : "ipv4")
  }
}
