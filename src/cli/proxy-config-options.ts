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

/** The flags that narrow a kind down. */
const filtersOf: Readonly<Record<ProxyConfigKind, readonly (keyof ProxyConfigFilter)[]>> = Object.freeze({
  listeners: ["port"],
  routes: ["name"],
  clusters: ["port", "fqdn"],
  endpoints: ["port", "fqdn"],
  secrets: [],
})

/**
 * @param operands the kind
 * @param given on the command line: a variable that says what `run` reads or where it listens does not speak against it
 */
export function parseProxyConfigOptions(
  operands: readonly string[],
  values: FlagValues,
  given: FlagValues,
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
  const stray = (["name", "port", "fqdn"] as const).find((flag) => given.has(flag) && !filtersOf[kind].includes(flag))
  if (stray !== undefined) {
    const others = proxyConfigKinds.filter((other) => filtersOf[other].includes(stray))
    return usageError(`proxy-config ${kind}: --${stray} is for ${others.join(", ")}`, `leave out --${stray}`)
  }
  const portText = values.get("port")?.at(-1) ?? null
  if (portText !== null && !/^\d{1,5}$/.test(portText)) {
    return usageError(`--port: ${JSON.stringify(portText)} is not a port`, "write --port 8080")
  }
  const filter: ProxyConfigFilter = {
    name: values.get("name")?.at(-1) ?? null,
    port: portText === null ? null : Number(portText),
    fqdn: values.get("fqdn")?.at(-1) ?? null,
  }
  if (readsFiles(values, given)) {
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

/**
 * A command line decides over the environment, and either over the default. A container's environment often names the
 * files of its gateway: with `PORTCULLIS_ADMIN` beside them, the gateway itself is asked.
 */
function readsFiles(values: FlagValues, given: FlagValues): boolean {
  if (given.has("file") || given.has("admin")) return given.has("file")
  return values.has("file") && !values.has("admin")
}
