/**
 * Every flag of every command in one table: its spelling, its help line and the commands that take it.
 * The environment variable follows from the long name, so none can be forgotten.
 */

export type CommandName = "run" | "check" | "explain" | "test" | "proxy-config" | "certs" | "completion" | "version"

export interface Flag {
  /** Long name without dashes. */
  readonly name: string
  /** With its dash; "" = none. */
  readonly short: string
  /** What stands for the value in help; "" = a switch. */
  readonly valueName: string
  readonly isRepeatable: boolean
  /** As people read it; "" = none. */
  readonly defaultText: string
  readonly description: string
  readonly commands: readonly CommandName[]
}

const configurationCommands = ["run", "check", "explain", "test", "proxy-config"] as const
const allCommands = ["run", "check", "explain", "test", "proxy-config", "certs", "completion", "version"] as const

export const flags: readonly Flag[] = [
  {
    name: "file",
    short: "-f",
    valueName: "PATH",
    isRepeatable: true,
    defaultText: "./routes.yaml",
    description: "configuration: a file, a folder (read recursively: *.yaml *.yml *.json), or - for stdin; repeatable",
    commands: configurationCommands,
  },
  {
    name: "secrets",
    short: "",
    valueName: "DIR",
    isRepeatable: false,
    defaultText: "./certs",
    description: "one folder per credentialName, with tls.crt, tls.key, ca.crt, ca.crl; Secrets in --file win",
    commands: configurationCommands,
  },
  {
    name: "port-map",
    short: "",
    valueName: "PORT=PORT",
    isRepeatable: true,
    defaultText: "",
    description: "bind another port than the Gateway's, as in 80=8080,443=8443; 0 takes any free one",
    commands: configurationCommands,
  },
  {
    name: "selector",
    short: "",
    valueName: "KEY=VALUE",
    isRepeatable: true,
    defaultText: "",
    description: "serve only Gateways whose selector these labels fulfil; without it, every Gateway",
    commands: configurationCommands,
  },
  {
    name: "locality",
    short: "",
    valueName: "REGION/ZONE/SUBZONE",
    isRepeatable: false,
    defaultText: "",
    description: "where this gateway runs, for localityLbSetting; without it no endpoint is nearer than another",
    commands: configurationCommands,
  },
  {
    name: "no-dns-fallback",
    short: "",
    valueName: "",
    isRepeatable: false,
    defaultText: "",
    description: "do not look up destinations that no resource defines in DNS; they answer 503",
    commands: configurationCommands,
  },
  {
    name: "demo",
    short: "",
    valueName: "",
    isRepeatable: false,
    defaultText: "",
    description: "start the demo services and register them as webapp, catalog and tcp-echo",
    commands: configurationCommands,
  },
  {
    name: "bind",
    short: "",
    valueName: "ADDR",
    isRepeatable: true,
    defaultText: "0.0.0.0 and ::",
    description: "address to listen on where the Gateway's bind is silent; repeatable, or a list with commas",
    commands: ["run"],
  },
  {
    name: "admin",
    short: "",
    valueName: "HOST:PORT",
    isRepeatable: false,
    defaultText: "127.0.0.1:15000",
    description: "admin interface, with Envoy's paths; off for none",
    commands: ["run"],
  },
  {
    name: "admin",
    short: "",
    valueName: "HOST:PORT",
    isRepeatable: false,
    defaultText: "127.0.0.1:15000",
    description: "admin interface of the running gateway, asked unless --file is given",
    commands: ["proxy-config"],
  },
  {
    name: "status-port",
    short: "",
    valueName: "N",
    isRepeatable: false,
    defaultText: "15021",
    description: "port of GET /healthz/ready; off for none",
    commands: ["run"],
  },
  {
    name: "reuse-port",
    short: "",
    valueName: "",
    isRepeatable: false,
    defaultText: "",
    description: "listen beside another gateway of the same user that has this flag too: for a restart without a gap",
    commands: ["run"],
  },
  {
    name: "access-log",
    short: "",
    valueName: "PATH",
    isRepeatable: false,
    defaultText: "-",
    description: "access log: a file, - for stdout, or off",
    commands: ["run"],
  },
  {
    name: "access-log-format",
    short: "",
    valueName: "FORMAT",
    isRepeatable: false,
    defaultText: "text",
    description: "text, json (both as Istio writes them), or an Envoy format string such as '%REQ(:PATH)% %DURATION%'",
    commands: ["run"],
  },
  {
    name: "tracing-otlp",
    short: "",
    valueName: "URL",
    isRepeatable: false,
    defaultText: "",
    description: "trace requests, and send spans to this OTLP/HTTP collector, as in http://127.0.0.1:4318",
    commands: ["run"],
  },
  {
    name: "tracing-otlp-headers",
    short: "",
    valueName: "NAME=VALUE",
    isRepeatable: false,
    defaultText: "",
    description: "headers for the collector, as in api-key=KEY,x-tenant=a%20b: values percent-encoded, never shown",
    commands: ["run"],
  },
  {
    name: "tracing-sampling",
    short: "",
    valueName: "PERCENT",
    isRepeatable: false,
    defaultText: "1",
    description: "how many of the traces that begin here are recorded; a client's own decision is kept",
    commands: ["run"],
  },
  {
    name: "drain",
    short: "",
    valueName: "SECONDS",
    isRepeatable: false,
    defaultText: "5",
    description: "on SIGTERM, requests may take this long to finish",
    commands: ["run"],
  },
  {
    name: "no-watch",
    short: "",
    valueName: "",
    isRepeatable: false,
    defaultText: "",
    description: "do not reload when a file changes (SIGHUP still does)",
    commands: ["run"],
  },
  {
    name: "output",
    short: "-o",
    valueName: "FORMAT",
    isRepeatable: false,
    defaultText: "text",
    description: "text, json, or github (annotations for GitHub Actions)",
    commands: ["check"],
  },
  {
    name: "output",
    short: "-o",
    valueName: "FORMAT",
    isRepeatable: false,
    defaultText: "text",
    description: "text or json",
    commands: ["explain", "test"],
  },
  {
    name: "output",
    short: "-o",
    valueName: "FORMAT",
    isRepeatable: false,
    defaultText: "table",
    description: "table, json or yaml (both as istioctl writes them)",
    commands: ["proxy-config"],
  },
  {
    name: "name",
    short: "",
    valueName: "NAME",
    isRepeatable: false,
    defaultText: "",
    description: "routes: only this route configuration, as in http.8080",
    commands: ["proxy-config"],
  },
  {
    name: "port",
    short: "",
    valueName: "N",
    isRepeatable: false,
    defaultText: "",
    description: "listeners, clusters, endpoints: only those with this port",
    commands: ["proxy-config"],
  },
  {
    name: "fqdn",
    short: "",
    valueName: "HOST",
    isRepeatable: false,
    defaultText: "",
    description: "clusters, endpoints: only those of this service",
    commands: ["proxy-config"],
  },
  {
    name: "junit",
    short: "",
    valueName: "FILE",
    isRepeatable: false,
    defaultText: "",
    description: "also write the results as JUnit XML, as CI systems read them",
    commands: ["test"],
  },
  {
    name: "header",
    short: "-H",
    valueName: "HEADER",
    isRepeatable: true,
    defaultText: "",
    description: "a request header, as in 'x-release: canary'; repeatable; Host replaces the URL's",
    commands: ["explain"],
  },
  {
    name: "gateway",
    short: "",
    valueName: "NAMESPACE/NAME",
    isRepeatable: false,
    defaultText: "",
    description: "only listeners of this Gateway",
    commands: ["explain"],
  },
  {
    name: "sni",
    short: "",
    valueName: "NAME",
    isRepeatable: false,
    defaultText: "the URL's host",
    description: "server name of the TLS handshake",
    commands: ["explain"],
  },
  {
    name: "client-cert",
    short: "",
    valueName: "PEM",
    isRepeatable: false,
    defaultText: "",
    description: "file with the client's certificate, and those between it and an authority",
    commands: ["explain"],
  },
  {
    name: "out",
    short: "",
    valueName: "DIR",
    isRepeatable: false,
    defaultText: "./certs",
    description: "folder to write to; what run reads with --secrets",
    commands: ["certs"],
  },
  {
    name: "host",
    short: "",
    valueName: "NAME",
    isRepeatable: true,
    defaultText: "localhost",
    description: "a server certificate for this host name or IP address; repeatable, or a list with commas",
    commands: ["certs"],
  },
  {
    name: "force",
    short: "",
    valueName: "",
    isRepeatable: false,
    defaultText: "",
    description: "replace files that are there",
    commands: ["certs"],
  },
  {
    name: "log-level",
    short: "",
    valueName: "LEVEL",
    isRepeatable: false,
    defaultText: "info",
    description: "debug, info, warn or error",
    commands: allCommands,
  },
  {
    name: "log-format",
    short: "",
    valueName: "FORMAT",
    isRepeatable: false,
    defaultText: "text",
    description: "the process's own log on stderr: text or json",
    commands: allCommands,
  },
]

export function flagsOf(command: CommandName): readonly Flag[] {
  return flags.filter((flag) => flag.commands.includes(command))
}

/** `port-map` is `PORTCULLIS_PORT_MAP`. */
export function environmentVariable(flagName: string): string {
  return `PORTCULLIS_${flagName.toUpperCase().replaceAll("-", "_")}`
}

/** What was given, by flag name: the command line's values, else the environment's. Absent = not given. */
export type FlagValues = ReadonlyMap<string, readonly string[]>

/**
 * Joins command line and environment. The command line wins flag by flag, never value by value.
 * A repeatable flag's variable is a list with commas. A variable that is empty counts as not set.
 */
export function collectFlagValues(
  command: CommandName,
  given: FlagValues,
  environment: Readonly<Record<string, string | undefined>>,
): FlagValues {
  const values = new Map<string, readonly string[]>()
  for (const flag of flagsOf(command)) {
    const fromCommandLine = given.get(flag.name)
    const variable = environmentVariable(flag.name)
    const fromEnvironment = isOfKubernetes(environment[variable]) ? undefined : environment[variable]
    if (fromCommandLine !== undefined) values.set(flag.name, fromCommandLine)
    else if (fromEnvironment !== undefined && fromEnvironment !== "") {
      values.set(flag.name, flag.isRepeatable ? fromEnvironment.split(",") : [fromEnvironment])
    }
  }
  return values
}

/** Beside a Service named `portcullis`, Kubernetes sets `PORTCULLIS_PORT=tcp://10.0.0.1:80` in every container. */
function isOfKubernetes(value: string | undefined): boolean {
  return value !== undefined && /^(?:tcp|udp|sctp):\/\//.test(value)
}
