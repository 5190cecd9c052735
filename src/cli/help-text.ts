/**
 * The prose of `--help`: what a command does, what it answers with, and an example to start from.
 * The list of flags is made from `flags.ts`.
 */
import type { CommandName } from "./flags.ts"

export interface CommandText {
  readonly name: CommandName
  readonly aliases: readonly string[]
  /** In the list of commands. */
  readonly summary: string
  readonly description: string
  readonly epilogue: string
  /** What stands behind the name beside flags; null = nothing may. */
  readonly operands: { readonly usage: string; readonly help: string } | null
}

export const programSummary = `Portcullis is an edge gateway that runs Istio's Gateway and VirtualService YAML
without Kubernetes, istiod or Envoy.`

export const programEpilogue = `
Every flag has an environment variable: PORTCULLIS_ and its long name, as in
PORTCULLIS_PORT_MAP=80=8080. A flag on the command line wins.

Exit codes:
  0  all is well
  1  the configuration has errors, or the gateway failed
  2  wrong usage

Examples:
  portcullis check -f routes.yaml
  portcullis run -f routes.yaml --port-map 80=8080,443=8443
  portcullis run --demo --port-map 80=8080
  portcullis explain GET http://shop.example/products
  portcullis help run
`

const runSummary = `Loads and compiles the configuration, listens, and proxies.

When it serves, one line on stderr says so:
  portcullis ready: N listeners, N virtual hosts, N routes, in N ms

When a file changes, the configuration is loaded anew. One with errors never
replaces the one that runs: its errors are printed, the old one keeps serving.`

const runEpilogue = `
Signals:
  SIGHUP           load the configuration anew
  SIGUSR1          open the access log anew (after a log rotation)
  SIGTERM, SIGINT  stop accepting, let requests finish for --drain seconds, exit 0;
                   a second one exits at once

Exit codes:
  0  stopped as asked
  1  the configuration has errors, a port cannot be bound, or the gateway failed
  2  wrong usage

Examples:
  portcullis run -f routes.yaml --port-map 80=8080,443=8443
  portcullis run -f /etc/portcullis --bind 127.0.0.1 --access-log /var/log/portcullis.log
  portcullis run --demo --port-map 80=8080
  PORTCULLIS_FILE=/etc/portcullis PORTCULLIS_ACCESS_LOG_FORMAT=json portcullis run
`

const checkSummary = `Loads and compiles the configuration as run does, and prints what is wrong:
  FILE:LINE:COL: error|warning[CODE]: MESSAGE
with the lines in question and, where one is known, a hint. Nothing is listened
on.

References between resources are checked once every file is right by itself.`

const checkEpilogue = `
Diagnostics go to stdout, one line of summary to stderr.

Exit codes:
  0  no errors (there may be warnings)
  1  errors
  2  wrong usage

Examples:
  portcullis check
  portcullis check -f gateways/ -f routes/ --no-dns-fallback
  kustomize build . | portcullis check -f -
  portcullis check -o json | jq '.[] | select(.severity == "error") | .message'
`

const explainSummary = `Walks a request through the configuration as the gateway does, and says at each
step what it did and why: listener, filter chain, virtual host, each rule passed
over and the condition that failed, the rule that matched, and what then leaves
towards the service or comes back. Nothing is sent.

METHOD may be left out: GET. The port of URL is the port really bound, or the
Gateway's own number.`

const explainEpilogue = `
Exit codes:
  0  the request was explained, whatever becomes of it
  1  the configuration has errors
  2  wrong usage

Examples:
  portcullis explain GET http://shop.example.com/products
  portcullis explain http://localhost/echo -H 'x-release: canary' --demo
  portcullis explain GET https://10.0.0.7/ --sni shop.example.com -H 'Host: shop.example.com'
  portcullis explain GET http://shop.example.com/cart -o json | jq .rule
`

const testSummary = `Runs route tests: files that say of requests what must become of them. Each
request is walked through the configuration as explain does; nothing is sent,
nothing listens.

  tests:
    - name: products go to the catalog
      request: { url: http://shop.example.com/products }
      expect: { rule: products, destination: { host: catalog } }`

const testEpilogue = `
Results go to stdout, one line of summary to stderr.

Exit codes:
  0  every test passed
  1  a test failed, or the configuration or a test file has errors
  2  wrong usage

Examples:
  portcullis test routes.test.yaml
  portcullis test tests/ -f /etc/portcullis --junit report.xml
`

const proxyConfigSummary = `Prints what istioctl proxy-config prints, of the running gateway at --admin or,
with -f, of files. KIND is listeners, routes, clusters, endpoints or secrets.

PORTCULLIS_FILE counts as -f only where neither --admin nor PORTCULLIS_ADMIN
says whom to ask.`

const proxyConfigEpilogue = `
Exit codes:
  0  printed
  1  the configuration has errors, or no gateway answers at --admin
  2  wrong usage

Examples:
  portcullis proxy-config routes
  portcullis pc endpoints --fqdn shop.default.svc.cluster.local
  portcullis pc routes -f routes.yaml --name http.80 -o json
`

const certsSummary = `Makes a development PKI: a root, an intermediate, a server certificate per
--host, and a client certificate. run --secrets DIR reads the folder as it is: a
Gateway's credentialName is the host's name (*.example.com is
wildcard.example.com).

The keys of root and intermediate are not kept: a folder is made once, whole.`

const certsEpilogue = `
Exit codes:
  0  written
  1  files are there already (see --force), or cannot be written
  2  wrong usage

Examples:
  portcullis certs dev --host shop.example.com --host partners.example.com
  portcullis certs dev --out /etc/portcullis/certs --host '*.example.com' --force
`

const completionSummary = `Prints a script that completes commands and flags in a shell.
SHELL is bash, zsh or fish.`

const completionEpilogue = `
Exit codes:
  0  printed
  2  wrong usage

Examples:
  source <(portcullis completion bash)
  source <(portcullis completion zsh)
  portcullis completion fish | source
`

export const commandTexts: readonly CommandText[] = [
  {
    name: "run",
    aliases: [],
    summary: "load, compile, listen, proxy",
    description: runSummary,
    epilogue: runEpilogue,
    operands: null,
  },
  {
    name: "check",
    aliases: [],
    summary: "load and compile only; print what is wrong",
    description: checkSummary,
    epilogue: checkEpilogue,
    operands: null,
  },
  {
    name: "explain",
    aliases: [],
    summary: "say what becomes of a request, and why",
    description: explainSummary,
    epilogue: explainEpilogue,
    operands: { usage: "[METHOD] URL", help: "the request" },
  },
  {
    name: "test",
    aliases: [],
    summary: "run route tests: requests and what must become of them",
    description: testSummary,
    epilogue: testEpilogue,
    operands: { usage: "FILE…", help: "files with tests, or folders of them" },
  },
  {
    name: "proxy-config",
    aliases: ["pc"],
    summary: "listeners, routes, clusters, ... as istioctl prints them",
    description: proxyConfigSummary,
    epilogue: proxyConfigEpilogue,
    operands: { usage: "KIND", help: "listeners, routes, clusters, endpoints or secrets" },
  },
  {
    name: "certs",
    aliases: [],
    summary: "certificates for development",
    description: certsSummary,
    epilogue: certsEpilogue,
    operands: { usage: "dev", help: "what to make: dev" },
  },
  {
    name: "completion",
    aliases: [],
    summary: "a completion script for bash, zsh or fish",
    description: completionSummary,
    epilogue: completionEpilogue,
    operands: { usage: "SHELL", help: "bash, zsh or fish" },
  },
  {
    name: "version",
    aliases: [],
    summary: "print the version",
    description: "Prints the version of Portcullis and of its runtime.",
    epilogue: "",
    operands: null,
  },
]
