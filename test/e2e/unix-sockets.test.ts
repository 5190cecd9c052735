/**
 * A Gateway's `bind: unix:///PATH` or `unix://@NAME` (Istio semantics sheet 1.1), with curl as the client, and services on
 * unix sockets. Such a client has no address: nothing is added to `x-forwarded-for` (Envoy http/utility.cc `appendXff`).
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { existsSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { ReusePortControl } from "../../src/net/reuse-port-control.ts"
import { SharedPorts } from "../../src/net/shared-ports.ts"
import { startGateway } from "../harness/gateway-under-test.ts"
import { RawSocket, rawSocketHandlers } from "../harness/raw-socket.ts"
import { serviceYaml, virtualServiceYaml, yamlOf } from "../harness/routes-to.ts"
import { ScriptedUpstream } from "../harness/scripted-upstream.ts"

let folder = ""
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "portcullis-unix-"))
})
afterAll(() => rm(folder, { recursive: true }))

function gatewayYaml(bind: string, protocol: "HTTP" | "TCP", port = 0): string {
  return `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge }
spec:
  servers:
    - port: { number: ${port}, name: main, protocol: ${protocol} }
      bind: "${bind}"
      hosts: ["*"]
`
}

function httpYaml(bind: string, upstreamPort: number): string {
  const rules = "- route: [{ destination: { host: service.example } }]"
  return yamlOf(
    gatewayYaml(bind, "HTTP"),
    serviceYaml("service.example", [upstreamPort]),
    virtualServiceYaml("routes", ["*"], rules),
  )
}

function startAnswering(): ScriptedUpstream {
  return ScriptedUpstream.start(({ connection }) => connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
}

async function curl(...options: readonly string[]): Promise<string> {
  const run = Bun.spawn(["curl", "-sS", "--max-time", "4", ...options, "http://a.example/x"], { stderr: "pipe" })
  const [output, problems] = await Promise.all([run.stdout.text(), run.stderr.text()])
  return (await run.exited) === 0 ? output : problems
}

describe("HTTP over a unix socket", () => {
  test("curl is served, has no address to add or to log, and the file goes with the listener", async () => {
    const path = join(folder, "http.sock")
    await using upstream = startAnswering()
    const gateway = await startGateway(httpYaml(`unix://${path}`, upstream.port))
    expect(await curl("--unix-socket", path)).toBe("ok")
    const request = await upstream.request(0)
    expect(request.field("x-forwarded-for")).toBeNull()
    expect(request.field("x-envoy-external-address")).toBeNull()
    const record = await gateway.record(0)
    expect([record.downstreamRemoteAddress, record.downstreamLocalAddress, record.responseCode]).toEqual(["", "", 200])
    await gateway.stop()
    expect(existsSync(path)).toBe(false)
  })

  test("what a proxy in front says of its client stays as it is", async () => {
    const path = join(folder, "proxied.sock")
    await using upstream = startAnswering()
    await using _gateway = await startGateway(httpYaml(`unix://${path}`, upstream.port))
    expect(await curl("--unix-socket", path, "-H", "X-Forwarded-For: 192.0.2.7")).toBe("ok")
    expect((await upstream.request(0)).field("x-forwarded-for")).toBe("192.0.2.7")
  })

  test("an abstract name has no file", async () => {
    const name = `portcullis-test-${process.pid}`
    await using upstream = startAnswering()
    await using _gateway = await startGateway(httpYaml(`unix://@${name}`, upstream.port))
    expect(await curl("--abstract-unix-socket", name)).toBe("ok")
    expect(existsSync(`@${name}`)).toBe(false)
  })

  test.skipIf(process.platform !== "linux")(
    "the path passes to another listener at once, also with --reuse-port",
    async () => {
      const path = join(folder, "passed.sock")
      const control = ReusePortControl.open()
      if (typeof control === "string") throw new Error(control)
      const yamlFor = (port: number) =>
        yamlOf(
          gatewayYaml(`unix://${path}`, "HTTP", port),
          virtualServiceYaml("routes", ["*"], `- directResponse: { status: 200, body: { string: "${port}" } }`),
        )
      await using gateway = await startGateway(yamlFor(80), { sharedPorts: new SharedPorts(control) })
      expect(await curl("--unix-socket", path)).toBe("80")
      await gateway.apply(yamlFor(81))
      expect(await curl("--unix-socket", path)).toBe("81")
      await gateway.stop()
      expect(existsSync(path)).toBe(false)
    },
  )

  test("a path that is taken is refused in words that help", async () => {
    const path = join(folder, "taken.sock")
    using _other = Bun.listen({ unix: path, socket: { data() {} } })
    expect(startGateway(httpYaml(`unix://${path}`, 1))).rejects.toThrow(
      `cannot listen on unix:${path}: address already in use (where a gateway was killed its file stays: remove it)`,
    )
  })
})

describe("TCP over unix sockets on both sides", () => {
  for (const [what, prefix] of [
    ["paths", "/"],
    ["abstract names", "@"],
  ] as const) {
    test(`bytes pass both ways: ${what}`, async () => {
      const nameOf = (end: string) =>
        prefix === "/" ? join(folder, `${end}.sock`) : `@portcullis-${end}-${process.pid}`
      const systemPath = (name: string) => (name.startsWith("@") ? `\0${name.slice(1)}` : name)
      const [front, back] = [nameOf("front"), nameOf("back")]
      using _service = Bun.listen({
        unix: systemPath(back),
        socket: { data: (socket, bytes) => void socket.write(bytes) },
      })
      await using gateway = await startGateway(
        yamlOf(
          gatewayYaml(`unix://${front}`, "TCP"),
          `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: service }
spec:
  hosts: [service.example]
  resolution: STATIC
  ports: [{ number: 80, name: tcp, protocol: TCP }]
  endpoints: [{ address: "unix://${back}" }]
`,
          `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: routes }
spec:
  hosts: ["*"]
  gateways: [edge]
  tcp: [{ route: [{ destination: { host: service.example } }] }]
`,
        ),
      )
      const client = new RawSocket()
      await Bun.connect<RawSocket>({
        unix: systemPath(front),
        socket: { ...rawSocketHandlers, open: (socket) => client.attach(socket) },
        data: client,
      })
      client.send("there and back")
      expect(await client.takeExactly("there and back".length)).toEqual(Buffer.from("there and back"))
      client.close()
      const record = await gateway.record(0)
      expect([record.downstreamRemoteAddress, record.upstreamHost]).toEqual(["", `unix:${back}`])
    })
  }
})
