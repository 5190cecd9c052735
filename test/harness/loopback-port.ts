/** Ports on 127.0.0.1 for processes that must be told theirs. */
import { RawClient } from "./raw-client.ts"

/** Free when asked; whoever listens on it next may still be somebody else. */
export function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } })
  const { port } = listener
  listener.stop(true)
  return port
}

export async function acceptsConnections(port: number): Promise<boolean> {
  try {
    const client = await RawClient.connect(port)
    client.close()
    return true
  } catch {
    // Not listening yet; asked again.
    return false
  }
}
