/** `portcullis proxy-config`: from files it is made here, of a running gateway its admin interface makes it. */
import { configuredEndpoints } from "../inspect/listed-endpoint.ts"
import { type ProxyConfigSource, renderProxyConfig } from "../inspect/proxy-config.ts"
import { proxyConfigPath } from "../inspect/proxy-config-request.ts"
import { askAdmin } from "./ask-admin.ts"
import type { HostPort } from "./flag-parsers.ts"
import { loadOrSay } from "./load-for-command.ts"
import type { ProxyConfigOptions } from "./proxy-config-options.ts"
import type { Terminal } from "./terminal.ts"

/** Of an answer that is no gateway's, in characters. */
const answerShownMax = 200

export async function proxyConfig(options: ProxyConfigOptions, terminal: Terminal): Promise<0 | 1> {
  const { kind, filter, output, source } = options
  if (source.kind === "admin") return askGateway(source.address, proxyConfigPath(kind, filter, output), terminal)
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

async function askGateway(address: HostPort, path: string, terminal: Terminal): Promise<0 | 1> {
  const { host, port } = address
  const authority = `${host.includes(":") ? `[${host}]` : host}:${port}`
  const answer = await askAdmin(address, path)
  if ("error" in answer) {
    await terminal.err(
      `portcullis: no gateway answers at ${authority}: ${answer.error}\n  hint: give --admin HOST:PORT, or --file for files\n`,
    )
    return 1
  }
  if (answer.status === 200) {
    await terminal.out(answer.text)
    return 0
  }
  await terminal.err(
    `portcullis: ${authority} answered ${answer.status} ${JSON.stringify(answer.text.trim().slice(0, answerShownMax))}\n  hint: is it the admin interface of a gateway? give --admin HOST:PORT\n`,
  )
  return 1
}
