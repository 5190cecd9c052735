/**
 * One parser per kind of flag value. Each takes the text and gives the value or a UsageError that names the flag.
 * Pure; `options.ts` puts them together.
 */
import { isIP } from "node:net"
import { type UsageError, usageError } from "./usage-error.ts"

export interface HostPort {
  /** An IP address without brackets, or a name. */
  readonly host: string
  readonly port: number
}

const portMax = 65_535
const drainSecondsMax = 86_400

/** `80=8080,443=8443`: the Gateway's port number to the port really bound, which may be 0. */
export function parsePortMap(texts: readonly string[]): ReadonlyMap<number, number> | UsageError {
  const map = new Map<number, number>()
  const hint = "write --port-map 80=8080,443=8443 (the Gateway's port = the port to bind)"
  for (const item of listItems(texts)) {
    const match = /^(\d{1,5})=(\d{1,5})$/.exec(item)
    const declared = Number(match?.[1])
    const bound = Number(match?.[2])
    if (match === null || declared < 1 || declared > portMax || bound > portMax) {
      return usageError(`--port-map: ${quoted(item)} is not PORT=PORT`, hint)
    }
    if (map.has(declared)) return usageError(`--port-map: port ${declared} is mapped twice`, hint)
    map.set(declared, bound)
  }
  return map
}

export function parseBindAddresses(texts: readonly string[]): readonly string[] | UsageError {
  const addresses: string[] = []
  for (const item of listItems(texts)) {
    const address = withoutBrackets(item)
    if (isIP(address) === 0) {
      const hint = item === "localhost" ? "write --bind 127.0.0.1,::1" : "write --bind 127.0.0.1 or --bind 0.0.0.0,::"
      return usageError(`--bind: ${quoted(item)} is not an IP address`, hint)
    }
    if (!addresses.includes(address)) addresses.push(address)
  }
  return addresses.length > 0 ? addresses : usageError("--bind: no address is given", "write --bind 127.0.0.1")
}

/** `HOST:PORT`, `[::1]:PORT`, or null for `off`. */
export function parseAdminAddress(text: string): HostPort | null | UsageError {
  if (text === "off") return null
  const match = /^(\[[^\]]+\]|[^:[\]\s/]+):(\d{1,5})$/.exec(text)
  const host = withoutBrackets(match?.[1] ?? "")
  const port = Number(match?.[2])
  const isBracketed = match?.[1]?.startsWith("[") === true
  if (match === null || port > portMax || (isBracketed && isIP(host) !== 6)) {
    const hint = /^:?\d+$/.test(text)
      ? `write --admin 127.0.0.1:${text.replace(":", "")}`
      : "write --admin 127.0.0.1:15000, or off"
    return usageError(`--admin: ${quoted(text)} is not HOST:PORT`, hint)
  }
  return { host, port }
}

/** A port, or null for `off`. */
export function parseStatusPort(text: string): number | null | UsageError {
  if (text === "off") return null
  if (/^\d{1,5}$/.test(text) && Number(text) <= portMax) return Number(text)
  return usageError(`--status-port: ${quoted(text)} is not a port`, "write --status-port 15021, or off")
}

/** Seconds, fractions allowed, as milliseconds. */
export function parseDrainMs(text: string): number | UsageError {
  if (/^\d+(\.\d+)?$/.test(text) && Number(text) <= drainSecondsMax) return Math.round(Number(text) * 1000)
  return usageError(
    `--drain: ${quoted(text)} is not a number of seconds from 0 to ${drainSecondsMax}`,
    /^\d+(\.\d+)?s$/.test(text) ? `write --drain ${text.slice(0, -1)}` : "write --drain 5",
  )
}

/** An http or https URL. One with a password is not repeated: messages end in logs. */
export function parseOtlpUrl(text: string): string | UsageError {
  const url = URL.parse(text)
  if (url !== null && `${url.username}${url.password}` !== "") {
    const instead = "write --tracing-otlp-headers 'authorization=Basic%20BASE64', or better its environment variable"
    return usageError("--tracing-otlp: the URL of a collector takes no user name and no password", instead)
  }
  const isHttp = url !== null && /^https?:$/.test(url.protocol) && /^https?:\/\/[^/]/i.test(text)
  if (isHttp && url.search === "" && url.hash === "") return text
  const hint = "write --tracing-otlp http://127.0.0.1:4318 (OTLP over HTTP; 4317 is the port for gRPC)"
  return usageError(`--tracing-otlp: ${quoted(text)} is not the http or https URL of a collector`, hint)
}

/** Percent from 0 to 100, fractions allowed, as parts per million. */
export function parseSamplingPpm(text: string): number | UsageError {
  if (/^\d+(\.\d+)?$/.test(text) && Number(text) <= 100) return Math.round(Number(text) * 10_000)
  const hint = text.endsWith("%") ? `write --tracing-sampling ${text.slice(0, -1)}` : "write --tracing-sampling 1"
  return usageError(`--tracing-sampling: ${quoted(text)} is not a percentage from 0 to 100`, hint)
}

/** `k=v`, as a pod's labels; null when there are none. */
export function parseSelector(texts: readonly string[]): Readonly<Record<string, string>> | null | UsageError {
  const labels = new Map<string, string>()
  for (const item of listItems(texts)) {
    const equals = item.indexOf("=")
    const key = item.slice(0, equals)
    if (equals < 1 || !/^[\w./-]+$/.test(key) || !/^[\w.-]*$/.test(item.slice(equals + 1))) {
      return usageError(`--selector: ${quoted(item)} is not KEY=VALUE`, "write --selector istio=ingressgateway")
    }
    if (labels.has(key)) return usageError(`--selector: the label ${key} is given twice`)
    labels.set(key, item.slice(equals + 1))
  }
  return labels.size === 0 ? null : Object.fromEntries(labels)
}

/** Up to three names, the largest first. */
export function parseLocality(text: string): string | UsageError {
  const isLocality = text === "" || /^[\w.-]+(?:\/[\w.-]+){0,2}$/.test(text)
  if (isLocality) return text
  return usageError(`--locality: ${quoted(text)} is not REGION/ZONE/SUBZONE`, "write --locality eu-west/a/rack7")
}

/** One of a few words. */
export function parseChoice<Choice extends string>(
  flag: string,
  text: string,
  choices: readonly Choice[],
): Choice | UsageError {
  const found = choices.find((choice) => choice === text)
  return (
    found ??
    usageError(`--${flag}: ${quoted(text)} is not one of ${choices.join(", ")}`, `write --${flag} ${choices[0]}`)
  )
}

/** A switch: on the command line it has no value; in the environment it is a word. */
export function parseSwitch(flag: string, text: string): boolean | UsageError {
  if (/^(1|true|yes|on)$/i.test(text)) return true
  if (/^(0|false|no|off)$/i.test(text)) return false
  return usageError(`--${flag}: ${quoted(text)} is neither true nor false`)
}

function listItems(texts: readonly string[]): readonly string[] {
  return texts.flatMap((text) => text.split(",")).map((item) => item.trim())
}

function withoutBrackets(host: string): string {
  return host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host
}

function quoted(text: string): string {
  return JSON.stringify(text)
}
