/**
 * The prose of `--help`: what a command does, what it answers with, and an example to start from.
 * The list of flags is made from `flags.ts`.
 */

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
  portcullis help run
`

export const runSummary = `Loads and compiles the configuration, listens, and proxies.

When it serves, one line on stderr says so:
  portcullis ready: N listeners, N virtual hosts, N routes, in N ms

When a file changes, the configuration is loaded anew. One with errors never
replaces the one that runs: its errors are printed, the old one keeps serving.`

export const runEpilogue = `
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

export const checkSummary = `Loads and compiles the configuration as run does, and prints what is wrong with it:
  FILE:LINE:COL: error|warning[CODE]: MESSAGE
with the lines in question and, where one is known, a hint. Nothing is listened on.

References between resources are checked once every file is right by itself.`

export const checkEpilogue = `
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
