/** The options of `proxy-config`: what is asked for, and where the answer comes from. */
import {
  type ProxyConfigFilter,
  type ProxyConfigKind,
  type ProxyConfigOutput,
  parseProxyConfigKind,
  proxyConfigKinds,
  proxyConfigOutputs,
} from "../inspect/proxy-config-request.ts"
import { type HostPort, parseAdminAddress, parseChoice } from "./flag-parsers.ts"
import type { FlagValues } from "./flags.ts"
import { type ConfigurationOptions, parseConfigurationOptions, single } from "./options.ts"
import { isUsageError, type UsageError, usageError } from "./usage-error.ts"

export interface ProxyConfigOptions {
  readonly kind: ProxyConfigKind
  readonly output: ProxyConfigOutput
  readonly filter: ProxyConfigFilter
  /** A gateway's admin interface, or files where `--file` is given. */
  readonly source:
    | { readonly kind: "admin"; readonly address: HostPort }
    | { readonly kind: "files"; readonly configuration: ConfigurationOptions }
}

/** @param operands the kind */
export function parseProxyConfigOptions(
  operands: readonly string[],
  values: FlagValues,
): ProxyConfigOptions | UsageError {
  const usage = `write portcullis proxy-config ${proxyConfigKinds.join("|")}`
  const [kindText = "", ...others] = operands
  const kind = parseProxyConfigKind(kindText)
  if (kind === null || others.length > 0) {
    const what = operands.length === 0 ? "no kind is given" : `${JSON.stringify(operands.join(" "))} is not a kind`
    return usageError(`proxy-config: ${what}`, usage)
  }
  const output = parseChoice("output", single(values, "output", "table"), proxyConfigOutputs)
  if (isUsageError(output)) return output
  const portText = values.get("port")?.at(-1) ?? null
  if (portText !== null && !/^\d{1,5}$/.test(portText)) {
    return usageError(`--port: ${JSON.stringify(portText)} is not a port`, "write --port 8080")
  }
  const filter: ProxyConfigFilter = {
    name: values.get("name")?.at(-1) ?? null,
    port: portText === null ? null : Number(portText),
    fqdn: values.get("fqdn")?.at(-1) ?? null,
  }
  if (values.has("file")) {
    const configuration = parseConfigurationOptions(values)
    return isUsageError(configuration)
      ? configuration
      : { kind, output, filter, source: { kind: "files", configuration } }
  }
  const address = parseAdminAddress(single(values, "admin", "127.0.0.1:15000"))
  if (isUsageError(address)) return address
  if (address === null)
    return usageError("proxy-config: --admin off leaves nobody to ask", "give --file, or --admin HOST:PORT")
  return { kind, output, filter, source: { kind: "admin", address } }
}
