import { describe, expect, test } from "bun:test"
import { collectFlagValues, environmentVariable, flags, flagsOf } from "./flags.ts"
import { parseCheckOptions, parseRunOptions } from "./options.ts"
import { isUsageError, renderUsageError } from "./usage-error.ts"

type Given = Readonly<Record<string, readonly string[]>>

function runOptions(given: Given) {
  const options = parseRunOptions(new Map(Object.entries(given)))
  if (isUsageError(options)) throw new Error(options.message)
  return options
}

function runError(given: Given): string {
  const options = parseRunOptions(new Map(Object.entries(given)))
  return isUsageError(options) ? renderUsageError(options) : ""
}

describe("defaults, as the contract lists them", () => {
  test("run", () => {
    const { accessLog, ...options } = runOptions({})
    expect(options).toEqual({
      files: ["./routes.yaml"],
      secretsDir: "./certs",
      portMap: new Map(),
      selector: null,
      locality: "",
      dnsFallback: true,
      demo: false,
      logLevel: "info",
      logFormat: "text",
      bindAddresses: ["0.0.0.0", "::"],
      admin: { host: "127.0.0.1", port: 15000 },
      statusPort: 15021,
      tracing: null,
      drainMs: 5000,
      reusePort: false,
      watch: true,
    })
    expect(accessLog?.path).toBe("-")
  })

  test("check", () => {
    expect(parseCheckOptions(new Map())).toMatchObject({ files: ["./routes.yaml"], output: "text", dnsFallback: true })
  })
})

describe("values that are understood", () => {
  const cases: readonly (readonly [Given, object])[] = [
    [{ file: ["a.yaml", "b", "-"] }, { files: ["a.yaml", "b", "-"] }],
    [
      { "tracing-otlp": ["http://collector:4318"] },
      { tracing: { otlpUrl: "http://collector:4318", otlpHeaders: {}, samplingPpm: 10_000 } },
    ],
    [
      { "tracing-otlp": ["https://collector/v1/traces"], "tracing-sampling": ["0.5"] },
      { tracing: { otlpUrl: "https://collector/v1/traces", otlpHeaders: {}, samplingPpm: 5_000 } },
    ],
    [
      { "tracing-otlp": ["http://collector:4318"], "tracing-otlp-headers": ["api-key=a%20b"] },
      { tracing: { otlpUrl: "http://collector:4318", otlpHeaders: { "api-key": "a b" }, samplingPpm: 10_000 } },
    ],
    [{ "tracing-otlp": ["off"], "tracing-otlp-headers": ["api-key=a"] }, { tracing: null }],
    [{ file: ["with,comma.yaml"] }, { files: ["with,comma.yaml"] }],
    [{ secrets: ["/etc/certs"] }, { secretsDir: "/etc/certs" }],
    [
      { "port-map": ["80=8080,443=8443"] },
      {
        portMap: new Map([
          [80, 8080],
          [443, 8443],
        ]),
      },
    ],
    [
      { "port-map": ["80=8080", "443=0"] },
      {
        portMap: new Map([
          [80, 8080],
          [443, 0],
        ]),
      },
    ],
    [{ bind: ["127.0.0.1"] }, { bindAddresses: ["127.0.0.1"] }],
    [{ bind: ["127.0.0.1,::1"] }, { bindAddresses: ["127.0.0.1", "::1"] }],
    [{ bind: ["127.0.0.1", "[::1]", "127.0.0.1"] }, { bindAddresses: ["127.0.0.1", "::1"] }],
    [{ admin: ["off"] }, { admin: null }],
    [{ admin: ["0.0.0.0:9901"] }, { admin: { host: "0.0.0.0", port: 9901 } }],
    [{ admin: ["[::1]:9901"] }, { admin: { host: "::1", port: 9901 } }],
    [{ admin: ["localhost:0"] }, { admin: { host: "localhost", port: 0 } }],
    [{ "status-port": ["off"] }, { statusPort: null }],
    [{ "status-port": ["8081"] }, { statusPort: 8081 }],
    [{ "access-log": ["off"] }, { accessLog: null }],
    [{ "access-log": ["/var/log/a.log"] }, { accessLog: expect.objectContaining({ path: "/var/log/a.log" }) }],
    [{ drain: ["0"] }, { drainMs: 0 }],
    [{ "reuse-port": ["true"] }, { reusePort: true }],
    [{ drain: ["0.25"] }, { drainMs: 250 }],
    [{ "no-watch": ["true"] }, { watch: false }],
    [{ "no-watch": ["false"] }, { watch: true }],
    [{ demo: ["1"] }, { demo: true }],
    [{ "no-dns-fallback": ["yes"] }, { dnsFallback: false }],
    [{ selector: ["istio=ingressgateway,app=edge"] }, { selector: { istio: "ingressgateway", app: "edge" } }],
    [{ selector: ["a.b/c=v", "empty="] }, { selector: { "a.b/c": "v", empty: "" } }],
    [{ locality: ["eu-west/a/rack7"] }, { locality: "eu-west/a/rack7" }],
    [{ locality: ["eu-west"] }, { locality: "eu-west" }],
    [{ "log-level": ["debug"] }, { logLevel: "debug" }],
    [{ "log-format": ["json"] }, { logFormat: "json" }],
    [{ drain: ["1", "2"] }, { drainMs: 2000 }],
  ]
  for (const [given, expected] of cases) {
    test(JSON.stringify(given), () => expect(runOptions(given)).toMatchObject(expected))
  }
})

describe("values that are refused, with the flag's name and a hint", () => {
  const cases: readonly (readonly [Given, string])[] = [
    [{ file: [""] }, "--file: the path is empty"],
    [{ file: ["-", "a", "-"] }, "--file: stdin (-) can be read only once"],
    [{ "port-map": ["80:8080"] }, '--port-map: "80:8080" is not PORT=PORT'],
    [{ "port-map": ["0=8080"] }, '--port-map: "0=8080" is not PORT=PORT'],
    [{ "port-map": ["80=65536"] }, '--port-map: "80=65536" is not PORT=PORT'],
    [{ "port-map": ["80=8080,"] }, '--port-map: "" is not PORT=PORT'],
    [{ "port-map": ["80=8080,80=8081"] }, "--port-map: port 80 is mapped twice"],
    [{ bind: ["localhost"] }, "hint: write --bind 127.0.0.1,::1"],
    [{ bind: ["127.0.0.1:80"] }, '--bind: "127.0.0.1:80" is not an IP address'],
    [{ bind: [""] }, '--bind: "" is not an IP address'],
    [{ admin: ["15000"] }, "hint: write --admin 127.0.0.1:15000"],
    [{ admin: [":9901"] }, "hint: write --admin 127.0.0.1:9901"],
    [{ admin: ["127.0.0.1"] }, '--admin: "127.0.0.1" is not HOST:PORT'],
    [{ admin: ["127.0.0.1:65536"] }, "is not HOST:PORT"],
    [{ admin: ["::1:9901"] }, "is not HOST:PORT"],
    [{ admin: ["[localhost]:9901"] }, "is not HOST:PORT"],
    [{ "status-port": ["none"] }, '--status-port: "none" is not a port'],
    [{ "status-port": ["65536"] }, '--status-port: "65536" is not a port'],
    [{ "access-log": [""] }, "--access-log: the path is empty"],
    [{ "access-log-format": ["jsn"] }, '"jsn" is neither text nor json and has no %OPERATOR%'],
    [{ "access-log-format": ["%NOPE%"] }, "--access-log-format: unknown operator %NOPE%; known are"],
    [{ "access-log-format": ["%NOPE%"], "access-log": ["off"] }, "unknown operator %NOPE%"],
    [{ "tracing-otlp": ["collector:4318"] }, '--tracing-otlp: "collector:4318" is not the http or https URL'],
    [{ "tracing-otlp": ["http://"] }, "is not the http or https URL"],
    [{ "tracing-otlp": ["http://user:secret@collector"] }, "the URL of a collector takes no user name and no password"],
    [{ "tracing-otlp-headers": ["a=1,b"] }, "--tracing-otlp-headers: entry 2 is not NAME=VALUE"],
    [{ "tracing-sampling": ["10%"] }, "hint: write --tracing-sampling 10"],
    [{ "tracing-sampling": ["101"] }, '--tracing-sampling: "101" is not a percentage from 0 to 100'],
    [{ drain: ["5s"] }, "hint: write --drain 5"],
    [{ drain: ["-1"] }, "is not a number of seconds"],
    [{ drain: ["86401"] }, "from 0 to 86400"],
    [{ "no-watch": ["maybe"] }, '--no-watch: "maybe" is neither true nor false'],
    [{ selector: ["istio"] }, '--selector: "istio" is not KEY=VALUE'],
    [{ selector: ["a=1,a=2"] }, "the label a is given twice"],
    [{ locality: ["a//b"] }, '--locality: "a//b" is not REGION/ZONE/SUBZONE'],
    [{ "log-level": ["trace"] }, '--log-level: "trace" is not one of debug, info, warn, error'],
    [{ "log-format": ["xml"] }, '--log-format: "xml" is not one of text, json'],
  ]
  for (const [given, expected] of cases) {
    test(JSON.stringify(given), () => expect(runError(given)).toContain(expected))
  }

  test("check -o table", () => {
    const options = parseCheckOptions(new Map([["output", ["table"]]]))
    expect(isUsageError(options) && options.message).toBe('--output: "table" is not one of text, json, github')
  })
})

describe("environment", () => {
  test("each flag's variable is PORTCULLIS_ and its long name in upper snake case", () => {
    expect(environmentVariable("access-log-format")).toBe("PORTCULLIS_ACCESS_LOG_FORMAT")
    const names = new Set(flags.map((flag) => flag.name))
    expect(new Set([...names].map(environmentVariable)).size).toBe(names.size)
  })

  test("each flag is read from its variable", () => {
    for (const flag of flagsOf("run")) {
      const values = collectFlagValues("run", new Map(), { [environmentVariable(flag.name)]: "value" })
      expect([...values]).toEqual([[flag.name, ["value"]]])
    }
  })

  test("a flag on the command line wins as a whole", () => {
    const environment = { PORTCULLIS_BIND: "10.0.0.1,10.0.0.2", PORTCULLIS_DRAIN: "9" }
    const values = collectFlagValues("run", new Map([["bind", ["127.0.0.1"]]]), environment)
    expect(values.get("bind")).toEqual(["127.0.0.1"])
    expect(values.get("drain")).toEqual(["9"])
  })

  test("a repeatable flag's variable is a list with commas; another's is taken as it is", () => {
    const environment = { PORTCULLIS_FILE: "a.yaml,b", PORTCULLIS_ACCESS_LOG_FORMAT: "%PROTOCOL%,%DURATION%" }
    const values = collectFlagValues("run", new Map(), environment)
    expect(values.get("file")).toEqual(["a.yaml", "b"])
    expect(values.get("access-log-format")).toEqual(["%PROTOCOL%,%DURATION%"])
  })

  test("an empty variable counts as not set, and other commands' flags are not looked at", () => {
    const environment = { PORTCULLIS_DRAIN: "", PORTCULLIS_OUTPUT: "json" }
    expect(collectFlagValues("run", new Map(), environment).size).toBe(0)
  })
})
