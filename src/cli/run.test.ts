/**
 * `portcullis run` as a process of its own: what scripts and service managers see of it. What it does with requests is
 * tested elsewhere; here one answer per configuration tells which one is in force.
 */
import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { RunningCommand, runToEnd, sendRequest } from "./cli-process.fixture.ts"

let cwd = ""
let running: RunningCommand | null = null

beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), "portcullis-run-"))
})

afterEach(async () => {
  running?.kill("SIGKILL")
  await running?.end()
  running = null
  await rm(cwd, { recursive: true })
})

function configuration(rule: string): string {
  return `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge}
spec:
  servers:
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: ["*"]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: hello}
spec:
  hosts: ["*"]
  gateways: [edge]
  http:
  - ${rule}
`
}

const answering = (text: string) => configuration(`directResponse: {status: 200, body: {string: ${text}}}`)
const broken = configuration("directRespons: {status: 200}")

async function write(text: string): Promise<void> {
  await writeFile(join(cwd, "new.yaml"), text)
  await rename(join(cwd, "new.yaml"), join(cwd, "routes.yaml"))
}

interface Ports {
  readonly http: number
  readonly admin: number
  readonly status: number
}

const freePorts = ["--bind", "127.0.0.1", "--port-map", "80=0", "--admin", "127.0.0.1:0", "--status-port", "0"]

/** Starts it on free ports and waits until it serves. */
async function start(args: readonly string[] = []): Promise<{ command: RunningCommand; ports: Ports }> {
  const command = new RunningCommand([...freePorts, ...args], { cwd })
  running = command
  await command.waitFor(/^portcullis ready: .*$/m)
  const portOf = async (pattern: RegExp) => Number((await command.waitFor(pattern))[1])
  const http = await portOf(/info {2}listening listener=\S+ address=127\.0\.0\.1 port=(\d+)$/m)
  const status = await portOf(/info {2}status port=(\d+)$/m)
  const admin = await portOf(/info {2}admin address=127\.0\.0\.1 port=(\d+)$/m)
  return { command, ports: { http, admin, status } }
}

async function get(port: number, path = "/"): Promise<{ status: number; body: string }> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { keepalive: false })
  return { status: response.status, body: await response.text() }
}

describe("serving", () => {
  test("the ready line, then answers, readiness and an access log line on stdout; SIGTERM ends it with 0", async () => {
    await write(answering("one"))
    const { command, ports } = await start(["--access-log-format", "%REQ(:PATH)% %RESPONSE_CODE%"])
    expect(command.stderr).toMatch(/^portcullis ready: 1 listeners, 1 virtual hosts, 1 routes, in \d+ ms$/m)
    expect(await get(ports.http, "/a")).toEqual({ status: 200, body: "one" })
    expect((await get(ports.status, "/healthz/ready")).status).toBe(200)
    expect(await get(ports.admin, "/ready")).toEqual({ status: 200, body: "LIVE\n" })
    expect((await get(ports.admin, "/listeners")).body).toMatch(new RegExp(`::127\\.0\\.0\\.1:${ports.http}\n$`))
    command.kill("SIGTERM")
    expect(await command.end()).toMatchObject({ code: 0, stdout: "/a 200\n" })
  })

  test("a configuration without a Gateway: it runs, and the log says that nothing is served", async () => {
    await write("")
    const command = new RunningCommand(["--admin", "off", "--status-port", "off"], { cwd })
    await command.waitFor(/warn {2}nothing is served reason="there is no Gateway to listen for"/)
    await command.waitFor(/^portcullis ready: 0 listeners/m)
    command.kill("SIGTERM")
    expect((await command.end()).code).toBe(0)
  })

  test("SIGINT and POST /quitquitquit end it with 0 too", async () => {
    await write(answering("one"))
    const first = await start()
    first.command.kill("SIGINT")
    expect((await first.command.end()).code).toBe(0)
    const second = await start()
    await fetch(`http://127.0.0.1:${second.ports.admin}/quitquitquit`, { method: "POST" })
    expect((await second.command.end()).code).toBe(0)
  })

  test("SIGTERM ends it while it waits for its configuration", async () => {
    expect(Bun.spawnSync(["mkfifo", join(cwd, "pipe.yaml")]).exitCode).toBe(0)
    const command = new RunningCommand(["-f", "pipe.yaml", ...freePorts], { cwd })
    running = command
    // It reads when somebody can open the pipe for writing.
    const writer = Bun.spawn(["sh", "-c", "exec 3> pipe.yaml; echo opened; exec sleep 60"], { cwd, stdout: "pipe" })
    await writer.stdout.getReader().read()
    command.kill("SIGTERM")
    const { code, stderr } = await command.end()
    writer.kill()
    expect(code).toBe(0)
    expect(stderr).toEndWith("stopped before it served reason=SIGTERM\n")
  })

  test("--demo prints three lines to try, and they answer", async () => {
    const toWebapp = "route: [{destination: {host: webapp, port: {number: 80}}}]"
    const [echo, events] = ["/echo", "/healthz"].map((path) => `{match: [{uri: {exact: ${path}}}], ${toWebapp}}`)
    await write(configuration(`${echo}\n  - ${events}\n  - ${toWebapp}`))
    const { command } = await start(["--demo", "--no-dns-fallback", "--access-log", "off"])
    const urls = [...command.stderr.matchAll(/^ {2}try: curl -i (http:\S+)$/gm)].map(([, url = ""]) => new URL(url))
    expect(urls.map((url) => url.pathname)).toEqual(["/", "/echo", "/healthz"])
    for (const url of urls) expect((await fetch(url, { keepalive: false })).status).toBe(200)
  })
})

describe("not starting: exit 1, and stderr says why", () => {
  test("a configuration with errors", async () => {
    await write(broken)
    const { code, stderr } = await runToEnd(["run", ...freePorts], { cwd })
    expect(code).toBe(1)
    expect(stderr).toStartWith("./routes.yaml:16:5: error[")
    expect(stderr).toEndWith("portcullis: not started: 1 error, 0 warnings\n")
  })

  test("a listener's port that is taken", async () => {
    await write(answering("one"))
    const { ports } = await start()
    const args = ["run", "--bind", "127.0.0.1", "--admin", "off", "--status-port", "off"]
    const { code, stderr } = await runToEnd([...args, "--port-map", `80=${ports.http}`], { cwd })
    expect(code).toBe(1)
    expect(stderr).toContain(String(ports.http))
    expect(stderr).not.toContain("portcullis ready")
  })

  test("the admin's or the status server's port that is taken", async () => {
    await write(answering("one"))
    const { ports } = await start()
    const base = ["run", "--bind", "127.0.0.1", "--port-map", "80=0"]
    const admin = await runToEnd([...base, "--status-port", "off", "--admin", `127.0.0.1:${ports.admin}`], { cwd })
    expect(admin).toMatchObject({
      code: 1,
      stderr: `portcullis: cannot listen on 127.0.0.1:${ports.admin}: it is already in use (choose another with --admin, or --admin off)\n`,
    })
    const status = await runToEnd([...base, "--admin", "off", "--status-port", String(ports.status)], { cwd })
    expect(status).toMatchObject({
      code: 1,
      stderr: `portcullis: cannot listen on port ${ports.status}: it is already in use (choose another with --status-port, or --status-port off)\n`,
    })
  })

  test("an access log that cannot be opened", async () => {
    await write(answering("one"))
    const { code, stderr } = await runToEnd(["run", ...freePorts, "--access-log", "none/access.log"], { cwd })
    expect(code).toBe(1)
    expect(stderr).toStartWith("portcullis: --access-log: cannot open none/access.log: ")
  })
})

describe("reloading", () => {
  test("SIGHUP takes the new configuration; a broken one leaves the old one serving and is reported", async () => {
    await write(answering("one"))
    const { command, ports } = await start(["--no-watch"])
    await write(answering("two"))
    command.kill("SIGHUP")
    await command.waitFor(/configuration reloaded/)
    expect((await get(ports.http)).body).toBe("two")
    await write(broken)
    command.kill("SIGHUP")
    await command.waitFor(/configuration not reloaded, the old one keeps serving: 1 error, 0 warnings/)
    expect(command.stderr).toMatch(/^\.\/routes\.yaml:16:5: error\[/m)
    expect((await get(ports.http)).body).toBe("two")
    expect((await get(ports.status, "/healthz/ready")).status).toBe(200)
    const { body } = await get(ports.admin, "/server_info")
    expect(JSON.parse(body).configuration.last_reload).toMatchObject({ ok: false })
    expect((await get(ports.admin, "/stats/prometheus")).body).toContain("portcullis_config_reload_failures_total 1\n")
  })

  test("a changed file is noticed, and POST /reload works where watching is off", async () => {
    await write(answering("one"))
    const watching = await start()
    // Watching begins after the ready line: what is written until then counts as changed too.
    await write(answering("two"))
    await watching.command.waitFor(/configuration reloaded/)
    expect((await get(watching.ports.http)).body).toBe("two")
    watching.command.kill("SIGTERM")
    await watching.command.end()

    const blind = await start(["--no-watch"])
    await write(answering("three"))
    const url = `http://127.0.0.1:${blind.ports.admin}/reload`
    expect(await (await fetch(url, { method: "POST" })).text()).toBe("OK\n")
    expect((await get(blind.ports.http)).body).toBe("three")
  })
})

describe("stopping", () => {
  /** An upstream that takes requests and never answers; a gateway that forwards to it; one request on its way. */
  async function withStalledRequest(drainSeconds: string) {
    const arrived = Promise.withResolvers<void>()
    const finish = Promise.withResolvers<void>()
    const upstream = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      idleTimeout: 0,
      async fetch() {
        arrived.resolve()
        await finish.promise
        return new Response("late")
      },
    })
    await write(
      `${configuration("route: [{destination: {host: slow.example, port: {number: 80}}}]")}---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: slow}
spec:
  hosts: [slow.example]
  ports: [{number: 80, name: http, protocol: HTTP, targetPort: ${upstream.port}}]
  resolution: STATIC
  endpoints: [{address: 127.0.0.1}]
`,
    )
    const { command, ports } = await start(["--drain", drainSeconds, "--access-log", "off"])
    const { closed } = await sendRequest(ports.http, "/")
    await arrived.promise
    return { command, ports, closed, finish, stop: () => upstream.stop(true) }
  }

  test("a request on its way finishes; meanwhile the gateway is unready; then exit 0", async () => {
    const { command, ports, closed, finish, stop } = await withStalledRequest("60")
    command.kill("SIGTERM")
    await command.waitFor(/draining reason=SIGTERM seconds=60/)
    expect((await get(ports.status, "/healthz/ready")).status).toBe(503)
    expect(await get(ports.admin, "/ready")).toEqual({ status: 503, body: "DRAINING\n" })
    finish.resolve()
    await closed
    expect((await command.end()).code).toBe(0)
    await stop()
  })

  test("after --drain what is left is cut, still exit 0", async () => {
    const { command, closed, stop } = await withStalledRequest("0.2")
    command.kill("SIGTERM")
    await closed
    expect((await command.end()).code).toBe(0)
    await stop()
  })

  test("a second signal ends it at once, with the code a shell gives for it", async () => {
    const { command, stop } = await withStalledRequest("60")
    command.kill("SIGTERM")
    await command.waitFor(/draining/)
    command.kill("SIGTERM")
    expect((await command.end()).code).toBe(143)
    await stop()
  })
})

describe("the access log in a file", () => {
  test("SIGUSR1 lets go of a rotated file", async () => {
    await write(answering("one"))
    const log = join(cwd, "access.log")
    const { command, ports } = await start(["--access-log", log, "--access-log-format", "%REQ(:PATH)%"])
    await get(ports.http, "/before")
    const contentOf = async (path: string, expected: string) => {
      while ((await readFile(path, "utf8")) !== expected) await Bun.sleep(10)
    }
    await contentOf(log, "/before\n")
    await rename(log, `${log}.1`)
    command.kill("SIGUSR1")
    while (!(await Bun.file(log).exists())) await Bun.sleep(10)
    await get(ports.http, "/after")
    command.kill("SIGTERM")
    expect((await command.end()).code).toBe(0)
    await contentOf(log, "/after\n")
    await contentOf(`${log}.1`, "/before\n")
  })
})
