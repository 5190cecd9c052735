/** `portcullis proxy-config`: from files it is made here, of a running gateway its admin interface makes it. */
import { configuredEndpoints } from "../inspect/listed-endpoint.ts"
import { type ProxyConfigSource, renderProxyConfig } from "../inspect/proxy-config.ts"
import { proxyConfigPath } from "../inspect/proxy-config-request.ts"
import type { HostPort } from "./flag-parsers.ts"
import { loadOrSay } from "./load-for-command.ts"
import type { ProxyConfigOptions } from "./proxy-config-options.ts"
import type { Terminal } from "./terminal.ts"

/** A gateway that hangs must not hang whoever asks it. */
const adminTimeoutMs = 10_000

export async function proxyConfig(options: ProxyConfigOptions, terminal: Terminal): Promise<0 | 1> {
  const { kind, filter, output, source } = options
  if (source.kind === "admin") return askAdmin(source.address, proxyConfigPath(kind, filter, output), terminal)
  const loaded = await loadOrSay("proxy-config", source.configuration, terminal)
  if (loaded === null) return 1
  const { snapshot } = loaded
  const shown: ProxyConfigSource = {
    snapshot,
    endpoints: configuredEndpoints(snapshot.clusters),
    certificates: [...loaded.credentials.values()].flatMap(({ certificates }) => certificates),
    nowUnixMs: Date.now(),
  }
  await terminal.out(await renderProxyConfig(kind, shown, filter, output))
  return 0
}

async function askAdmin({ host, port }: HostPort, path: string, terminal: Terminal): Promise<0 | 1> {
  const authority = `${host.includes(":") ? `[${host}]` : host}:${port}`
  try {
    const response = await fetch(`http://${authority}${path}`, { signal: AbortSignal.timeout(adminTimeoutMs) })
    const text = await response.text()
    if (response.ok) {
      await terminal.out(text)
      return 0
    }
    await terminal.err(`portcullis: the admin interface at ${authority} answered ${response.status}: ${text}`)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    await terminal.err(
      `portcullis: no gateway answers at ${authority}: ${reason}\n  hint: give --admin HOST:PORT, or --file for files\n`,
    )
  }
  return 1
}
