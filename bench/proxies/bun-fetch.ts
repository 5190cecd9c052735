/** "Bun.serve + fetch": the proxy one would write first. What it costs says what our own sockets and codecs are worth. */
import { join } from "node:path"
import type { Peer } from "./proxy.ts"

export const bunFetch: Peer = {
  name: "bun-fetch",
  tls: null,
  readVersion: () => `Bun ${Bun.version}`,
  async prepare(plan) {
    const settings = join(plan.folder, "settings.json")
    await Bun.write(settings, JSON.stringify({ port: plan.port, upstreamPort: plan.upstreamPort, hosts: plan.hosts }))
    return { argv: [process.execPath, join(import.meta.dir, "bun-fetch-server.ts"), settings], environment: {} }
  },
}
