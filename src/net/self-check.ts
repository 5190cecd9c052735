/**
 * Fails clearly at start-up on a Bun that lacks a hook the data path is built on. The version is pinned; this is for
 * whoever runs the sources with another one.
 */
import { createSecureContext } from "node:tls"

/** @returns what is missing, as text; "" = all is there. */
export function missingRuntimeHooks(): string {
  const missing: string[] = []
  const buffer: object = Buffer.alloc(1)
  for (const name of ["latin1Slice", "latin1Write"]) if (!(name in buffer)) missing.push(`Buffer.prototype.${name}`)
  if (typeof Bun.listen !== "function") missing.push("Bun.listen")
  if (typeof Bun.connect !== "function") missing.push("Bun.connect")
  if (typeof createSecureContext({}).context !== "object") missing.push("tls.createSecureContext().context")
  return missing.join(", ")
}

/** What an accepted socket must offer for "look, then upgrade"; `getPeerX509Certificate` and the like come with it. */
const socketHooks = ["upgradeTLS", "pause", "resume", "shutdown", "terminate", "getAuthorizationError", "authorized"]

/** As `missingRuntimeHooks`, of a real socket: one connection to ourselves. Needed only before TLS is served. */
export async function missingTlsHooks(): Promise<string> {
  const accepted = Promise.withResolvers<string>()
  const listener = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(socket) {
        accepted.resolve(socketHooks.filter((name) => !(name in socket)).join(", "))
        socket.end()
      },
      data() {},
    },
  })
  try {
    await Bun.connect({ hostname: "127.0.0.1", port: listener.port, socket: { data() {} } })
    return await accepted.promise
  } finally {
    listener.stop(true)
  }
}
