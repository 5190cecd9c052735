/**
 * The programs that tests compare against or drive the gateway with: curl, openssl, nginx, h2load.
 *
 * A machine without one of them still runs every other test; the tests that need it are skipped and say why in their name, which
 * `test/run.ts` repeats. In CI a skip is a failure, so nothing can go missing there unnoticed. Use:
 *
 * ```ts
 * const curl = requireTool("curl")
 * test.skipIf(curl.path === null)(curl.named("a 302 is followed"), async () => { … curl.path … })
 * ```
 */

export type PeerTool =
  | "curl"
  | "openssl"
  | "nginx"
  | "nghttp"
  | "h2load"
  | "wrk"
  | "haproxy"
  | "caddy"
  | "promtool"
  | "chromium"
  | "mariadbd"
  | "mariadb"
  | "mariadb-dump"
  | "mariadb-install-db"
  | "redis-server"
  | "redis-cli"
  /** The command of Debian's package testssl.sh. */
  | "testssl"
  | "bash"
  | "zsh"
  | "fish"
  /** The command of Debian's package libxml2-utils. */
  | "xmllint"
  | "docker-compose"

export interface RequiredTool {
  /** The absolute path, or null where the tool is not installed. */
  readonly path: string | null
  /** The test's name, with the reason behind it when the test is going to be skipped. */
  named(testName: string): string
}

/** Where Debian keeps servers: not on the `PATH` of every user. */
const systemFolders = "/usr/local/sbin:/usr/sbin:/sbin"

const { PATH = "" } = process.env

/** Finds a tool on the `PATH` (and in the system's folders for servers). */
export function requireTool(tool: PeerTool, searchPath = `${PATH}:${systemFolders}`): RequiredTool {
  const path = Bun.which(tool, { PATH: searchPath })
  return {
    path,
    named: (testName) => (path === null ? `${testName} [skipped: ${tool} is not installed]` : testName),
  }
}
