/**
 * From flag values (all text) to the typed options of each command. Pure: nothing is opened or looked up here.
 * The first thing that is wrong is the answer.
 */

import { isIP } from "node:net"
import { parseHeader, parseUrl, type RequestHeader, type RequestToExplain } from "../explain/request-to-explain.ts"
import { type AccessLogFormat, compileAccessLogFormat } from "../telemetry/access-log-format.ts"
import { type LogFormat, type LogLevel, logLevels } from "../telemetry/log.ts"
import {
  type HostPort,
  parseAdminAddress,
  parseBindAddresses,
  parseChoice,
  parseDrainMs,
  parseLocality,
  parseOtlpUrl,
  parsePortMap,
  parseSamplingPpm,
  parseSelector,
  parseStatusPort,
  parseSwitch,
} from "./flag-parsers.ts"
import type { FlagValues } from "./flags.ts"
import { type OtlpHeaders, parseOtlpHeaders } from "./otlp-headers.ts"
import { isUsageError, type UsageError, usageError } from "./usage-error.ts"

/** What decides which configuration is read and what it compiles to. */
export interface ConfigurationOptions {
  readonly files: readonly string[]
  readonly secretsDir: string
  readonly portMap: ReadonlyMap<number, number>
  /** null = every Gateway is served. */
  readonly selector: Readonly<Record<string, string>> | null
  /** `region/zone/subzone`, or a beginning of it; "" = not known. */
  readonly locality: string
  readonly dnsFallback: boolean
  readonly demo: boolean
}

export interface LogOptions {
  readonly logLevel: LogLevel
  readonly logFormat: LogFormat
}

export interface CheckOptions extends ConfigurationOptions, LogOptions {
  readonly output: "text" | "json" | "github"
}

export interface ExplainOptions extends ConfigurationOptions, LogOptions {
  /** Its client certificate is still to be read. */
  readonly request: RequestToExplain
  /** null = none is shown. */
  readonly clientCertificatePath: string | null
  readonly output: "text" | "json"
}

export interface TestOptions extends ConfigurationOptions, LogOptions {
  /** Route test files, or folders of them. */
  readonly tests: readonly string[]
  readonly output: "text" | "json"
  /** null = none. */
  readonly junitPath: string | null
}

export interface TracingOptions {
  /** As given. */
  readonly otlpUrl: string
  /** Sent with every request to it: secrets, not to be shown. */
  readonly otlpHeaders: OtlpHeaders
  /** Of the traces that begin here; parts per million. */
  readonly samplingPpm: number
}

export interface RunOptions extends ConfigurationOptions, LogOptions {
  readonly bindAddresses: readonly string[]
  /** null = no admin interface. */
  readonly admin: HostPort | null
  /** null = no status server. */
  readonly statusPort: number | null
  /** Other gateways may listen on the same ports. */
  readonly reusePort: boolean
  /** null = no access log; path `-` = stdout. */
  readonly accessLog: { readonly path: string; readonly format: AccessLogFormat } | null
  /** null = nothing is traced. */
  readonly tracing: TracingOptions | null
  readonly drainMs: number
  readonly watch: boolean
}

const defaults = Object.freeze({
  file: "./routes.yaml",
  secrets: "./certs",
  bind: "0.0.0.0,::",
  admin: "127.0.0.1:15000",
  statusPort: "15021",
  accessLog: "-",
  accessLogFormat: "text",
  drain: "5",
  tracingSampling: "1",
} as const)

export function parseCheckOptions(values: FlagValues): CheckOptions | UsageError {
  const configuration = parseConfigurationOptions(values)
  if (isUsageError(configuration)) return configuration
  const log = parseLogOptions(values)
  if (isUsageError(log)) return log
  const output = parseChoice("output", single(values, "output", "text"), ["text", "json", "github"])
  if (isUsageError(output)) return output
  return { ...configuration, ...log, output }
}

/** @param operands `METHOD URL`, or the URL alone */
export function parseExplainOptions(operands: readonly string[], values: FlagValues): ExplainOptions | UsageError {
  const configuration = parseConfigurationOptions(values)
  if (isUsageError(configuration)) return configuration
  const log = parseLogOptions(values)
  if (isUsageError(log)) return log
  const output = parseChoice("output", single(values, "output", "text"), ["text", "json"])
  if (isUsageError(output)) return output
  const request = parseRequest(operands, values)
  if (isUsageError(request)) return request
  return { ...configuration, ...log, output, request, clientCertificatePath: values.get("client-cert")?.at(-1) ?? null }
}

function parseRequest(operands: readonly string[], values: FlagValues): RequestToExplain | UsageError {
  const usage = "write portcullis explain GET http://shop.example.com/path"
  const [first = "", second] = operands
  const [method, url] = second === undefined ? ["GET", first] : [first, second]
  if (url === "" || operands.length > 2) return usageError("explain: give one METHOD and one URL", usage)
  const parsed = parseUrl(url)
  if ("error" in parsed) return usageError(`explain: ${parsed.error}`, usage)
  const headers: RequestHeader[] = []
  for (const line of values.get("header") ?? []) {
    const header = parseHeader(line)
    if ("error" in header) return usageError(`--header: ${header.error}`, "write -H 'x-release: canary'")
    headers.push(header)
  }
  const gateway = values.get("gateway")?.at(-1) ?? null
  if (gateway !== null && !/^[^/]+\/[^/]+$/.test(gateway)) {
    return usageError(`--gateway: ${JSON.stringify(gateway)} is not NAMESPACE/NAME`, "write --gateway default/edge")
  }
  return { method, url, headers, gateway, serverName: values.get("sni")?.at(-1) ?? null, clientCertificatePem: "" }
}

/** @param operands the files with the tests */
export function parseTestOptions(operands: readonly string[], values: FlagValues): TestOptions | UsageError {
  const configuration = parseConfigurationOptions(values)
  if (isUsageError(configuration)) return configuration
  const log = parseLogOptions(values)
  if (isUsageError(log)) return log
  const output = parseChoice("output", single(values, "output", "text"), ["text", "json"])
  if (isUsageError(output)) return output
  const usage = "write portcullis test routes.test.yaml -f routes.yaml"
  if (operands.length === 0 || operands.includes("")) return usageError("test: no file with tests is given", usage)
  if (operands.includes("-") && configuration.files.includes("-")) {
    return usageError("test: stdin (-) can be read only once", usage)
  }
  return { ...configuration, ...log, tests: operands, output, junitPath: values.get("junit")?.at(-1) ?? null }
}

export function parseRunOptions(values: FlagValues): RunOptions | UsageError {
  const configuration = parseConfigurationOptions(values)
  if (isUsageError(configuration)) return configuration
  const log = parseLogOptions(values)
  if (isUsageError(log)) return log
  const bindAddresses = parseBindAddresses(values.get("bind") ?? [defaults.bind])
  if (isUsageError(bindAddresses)) return bindAddresses
  const admin = parseAdminAddress(single(values, "admin", defaults.admin))
  if (isUsageError(admin)) return admin
  const statusPort = parseStatusPort(single(values, "status-port", defaults.statusPort))
  if (isUsageError(statusPort)) return statusPort
  const reusePort = parseSwitch("reuse-port", single(values, "reuse-port", "false"))
  if (isUsageError(reusePort)) return reusePort
  const accessLog = parseAccessLog(values)
  if (isUsageError(accessLog)) return accessLog
  const tracing = parseTracing(values)
  if (isUsageError(tracing)) return tracing
  const drainMs = parseDrainMs(single(values, "drain", defaults.drain))
  if (isUsageError(drainMs)) return drainMs
  const noWatch = parseSwitch("no-watch", single(values, "no-watch", "false"))
  if (isUsageError(noWatch)) return noWatch
  const own = { admin, statusPort, reusePort, accessLog, tracing, drainMs, watch: !noWatch }
  return { ...configuration, ...log, bindAddresses, ...own }
}

/** `certs dev`. */
export interface CertsOptions {
  readonly outFolder: string
  /** Lower-cased, at least one. */
  readonly hosts: readonly string[]
  /** Replace what is there. */
  readonly force: boolean
}

export function parseCertsOptions(operands: readonly string[], values: FlagValues): CertsOptions | UsageError {
  const [what, ...more] = operands
  if (what !== "dev" || more.length > 0) {
    return usageError("certs makes one thing only: dev", "write portcullis certs dev --host shop.example.com")
  }
  const log = parseLogOptions(values)
  if (isUsageError(log)) return log
  const outFolder = single(values, "out", defaults.secrets)
  if (outFolder === "") return usageError("--out: the folder is empty", "write --out ./certs")
  const hosts = (values.get("host") ?? ["localhost"])
    .flatMap((list) => list.split(","))
    .map((host) => host.toLowerCase())
  for (const host of hosts) {
    if (isIP(host) !== 0 || certificateHost.test(host)) continue
    return usageError(`--host: ${JSON.stringify(host)} is neither a host name nor an IP address`)
  }
  const force = parseSwitch("force", single(values, "force", "false"))
  if (isUsageError(force)) return force
  return { outFolder, hosts: [...new Set(hosts)], force }
}

const certificateHost = /^(?:\*\.)?[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/

export interface CompletionOptions extends LogOptions {
  readonly shell: "bash" | "zsh" | "fish"
}

/** @param operands the shell */
export function parseCompletionOptions(
  operands: readonly string[],
  values: FlagValues,
): CompletionOptions | UsageError {
  const log = parseLogOptions(values)
  if (isUsageError(log)) return log
  const [shell, ...more] = operands
  if (more.length > 0 || (shell !== "bash" && shell !== "zsh" && shell !== "fish")) {
    return usageError("completion: give one shell: bash, zsh or fish", "write source <(portcullis completion bash)")
  }
  return { ...log, shell }
}

export function parseLogOptions(values: FlagValues): LogOptions | UsageError {
  const logLevel = parseChoice("log-level", single(values, "log-level", "info"), logLevels)
  if (isUsageError(logLevel)) return logLevel
  const logFormat = parseChoice("log-format", single(values, "log-format", "text"), ["text", "json"])
  if (isUsageError(logFormat)) return logFormat
  return { logLevel, logFormat }
}

export function parseConfigurationOptions(values: FlagValues): ConfigurationOptions | UsageError {
  const files = values.get("file") ?? [defaults.file]
  if (files.includes("")) return usageError("--file: the path is empty", "write -f routes.yaml, or -f - for stdin")
  if (files.filter((file) => file === "-").length > 1) return usageError("--file: stdin (-) can be read only once")
  const portMap = parsePortMap(values.get("port-map") ?? [])
  if (isUsageError(portMap)) return portMap
  const selector = parseSelector(values.get("selector") ?? [])
  if (isUsageError(selector)) return selector
  const locality = parseLocality(single(values, "locality", ""))
  if (isUsageError(locality)) return locality
  const noDnsFallback = parseSwitch("no-dns-fallback", single(values, "no-dns-fallback", "false"))
  if (isUsageError(noDnsFallback)) return noDnsFallback
  const demo = parseSwitch("demo", single(values, "demo", "false"))
  if (isUsageError(demo)) return demo
  const secretsDir = single(values, "secrets", defaults.secrets)
  if (secretsDir === "") return usageError("--secrets: the folder is empty", "write --secrets ./certs")
  return { files, secretsDir, portMap, selector, locality, dnsFallback: !noDnsFallback, demo }
}

function parseAccessLog(values: FlagValues): RunOptions["accessLog"] | UsageError {
  const path = single(values, "access-log", defaults.accessLog)
  if (path === "") return usageError("--access-log: the path is empty", "write --access-log off, - or a file")
  const formatText = single(values, "access-log-format", defaults.accessLogFormat)
  // A typo of a format's name is a valid format string without operators: every line would be that word.
  if (!formatText.includes("%") && formatText !== "text" && formatText !== "json") {
    return usageError(
      `--access-log-format: ${JSON.stringify(formatText)} is neither text nor json and has no %OPERATOR%`,
      "write --access-log-format json",
    )
  }
  const format = compileAccessLogFormat(formatText)
  if ("error" in format) return usageError(`--access-log-format: ${format.error}`)
  return path === "off" ? null : { path, format }
}

function parseTracing(values: FlagValues): TracingOptions | null | UsageError {
  const samplingPpm = parseSamplingPpm(single(values, "tracing-sampling", defaults.tracingSampling))
  if (isUsageError(samplingPpm)) return samplingPpm
  const otlpHeaders = parseOtlpHeaders(single(values, "tracing-otlp-headers", ""))
  if (isUsageError(otlpHeaders)) return otlpHeaders
  const given = single(values, "tracing-otlp", "")
  if (given === "" || given === "off") return null
  const otlpUrl = parseOtlpUrl(given)
  return isUsageError(otlpUrl) ? otlpUrl : { otlpUrl, otlpHeaders, samplingPpm }
}

/** A flag given several times: the last one counts, as everywhere on Unix. */
export function single(values: FlagValues, name: string, otherwise: string): string {
  return values.get(name)?.at(-1) ?? otherwise
}
