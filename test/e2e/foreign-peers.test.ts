/** With programs that others wrote at either end: curl as the client, nginx as the service. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type GatewayUnderTest, startGateway } from "../harness/gateway-under-test.ts"
import { exchangeOnce, RawClient } from "../harness/raw-client.ts"
import { routesTo, rulesTo, SERVICE_HOST } from "../harness/routes-to.ts"
import { ScriptedUpstream } from "../harness/scripted-upstream.ts"
import { waitUntil } from "../harness/wait-until.ts"
import { requireTool } from "../peer-tools.ts"

const curl = requireTool("curl")
const nginx = requireTool("nginx")

interface CurlResult {
  readonly code: number
  readonly stdout: string
}

async function runCurl(args: readonly string[], stdin = ""): Promise<CurlResult> {
  const child = Bun.spawn([curl.path ?? "curl", "--silent", "--show-error", "--max-time", "4", ...args], {
    stdin: Buffer.from(stdin, "latin1"),
    stdout: "pipe",
    stderr: "ignore",
  })
  const [bytes, code] = await Promise.all([child.stdout.bytes(), child.exited])
  return { code, stdout: Buffer.from(bytes).toString("latin1") }
}

describe("curl", () => {
  const skip = curl.path === null

  test.skipIf(skip)(curl.named("a 302 is followed on the same connection"), async () => {
    const rules = `
- { match: [{ uri: { exact: /old } }], redirect: { uri: /new, redirectCode: 302 } }
- directResponse: { status: 200, body: { string: arrived } }`
    await using gateway = await startGateway(rulesTo(1, rules))
    const url = `http://127.0.0.1:${gateway.port(80)}/old`
    const { code, stdout } = await runCurl(["-L", "-w", " %{http_code} %{num_connects} %{url_effective}", url])
    expect([code, stdout]).toEqual([0, `arrived 200 1 http://127.0.0.1:${gateway.port(80)}/new`])
  })

  test.skipIf(skip)(curl.named("an upload of unknown length that waits for 100-continue"), async () => {
    await using upstream = ScriptedUpstream.start({
      onHead: (_head, connection) => connection.send("HTTP/1.1 100 Continue\r\n\r\n"),
      onRequest: ({ request, connection }) =>
        connection.send(
          `HTTP/1.1 200 OK\r\nContent-Length: ${request.body.length}\r\n\r\n${request.body.toString("latin1")}`,
        ),
    })
    await using gateway = await startGateway(routesTo(upstream.port))
    const body = "0123456789".repeat(20_000)
    const { code, stdout } = await runCurl(
      ["-H", "Expect: 100-continue", "-T", "-", `http://127.0.0.1:${gateway.port(80)}/up`],
      body,
    )
    expect([code, stdout === body]).toEqual([0, true])
    const request = await upstream.request(0)
    expect([request.method, request.field("transfer-encoding")]).toEqual(["PUT", "chunked"])
  })

  test.skipIf(skip)(curl.named("a response that is cut is an error for the client"), async () => {
    await using upstream = ScriptedUpstream.start(({ connection }) => {
      connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
      connection.halfClose()
    })
    await using gateway = await startGateway(routesTo(upstream.port))
    const { code } = await runCurl([`http://127.0.0.1:${gateway.port(80)}/`])
    // curl: 18 = partial file.
    expect(code).toBe(18)
  })

  test.skipIf(skip)(curl.named("HEAD, 204 and 304 leave the connection usable"), async () => {
    await using upstream = ScriptedUpstream.start(({ request, connection }) => {
      const status =
        request.target === "/204" ? "204 No Content" : request.target === "/304" ? "304 Not Modified" : "200 OK"
      connection.send(
        `HTTP/1.1 ${status}\r\n${request.method === "HEAD" ? "Content-Length: 5\r\n" : ""}ETag: "x"\r\n${request.target === "/" && request.method === "GET" ? "Content-Length: 2\r\n\r\nok" : "\r\n"}`,
      )
    })
    await using gateway = await startGateway(routesTo(upstream.port))
    const base = `http://127.0.0.1:${gateway.port(80)}`
    const format = ["-w", "%{http_code}:%{num_connects} "]
    const { code, stdout } = await runCurl([
      ...["-o", "/dev/null", "-I", ...format, `${base}/`, "--next", "-s", "-o", "/dev/null", ...format, `${base}/204`],
      ...["--next", "-s", "-o", "/dev/null", ...format, `${base}/304`, "--next", "-s", ...format, `${base}/`],
    ])
    expect([code, stdout]).toEqual([0, "200:1 204:0 304:0 ok200:0 "])
  })
})

describe("nginx", () => {
  const skip = nginx.path === null
  let folder = ""
  let child: Bun.Subprocess | null = null
  let gateway: GatewayUnderTest | null = null
  const large = Buffer.alloc(3_000_000, "portcullis ")

  function port(): number {
    if (gateway === null) throw new Error("no gateway")
    return gateway.port(80)
  }

  beforeAll(async () => {
    if (nginx.path === null) return
    folder = await mkdtemp(join(tmpdir(), "portcullis-nginx-"))
    const socket = join(folder, "nginx.sock")
    await mkdir(join(folder, "html"))
    await writeFile(join(folder, "html", "large.bin"), large)
    await writeFile(join(folder, "nginx.conf"), nginxConfiguration(folder, socket))
    child = Bun.spawn([nginx.path, "-p", folder, "-c", join(folder, "nginx.conf"), "-e", join(folder, "error.log")], {
      stdout: "ignore",
      stderr: "inherit",
    })
    await waitUntil(() => accepts(socket), "nginx")
    gateway = await startGateway(
      rulesTo(1, `- route: [{ destination: { host: ${SERVICE_HOST} } }]`).replace(
        /address: 127\.0\.0\.1, ports: \{ http: 1 \}/,
        `address: "unix://${socket}"`,
      ),
    )
  })

  afterAll(async () => {
    await gateway?.stop()
    child?.kill("SIGTERM")
    await child?.exited
    if (folder !== "") await rm(folder, { recursive: true, force: true })
  })

  test.skipIf(skip)(nginx.named("a large file arrives whole, a range of it exactly"), async () => {
    const whole = await exchangeOnce(port(), "GET /large.bin HTTP/1.1\r\nHost: a.example\r\n\r\n")
    expect([whole.status, whole.body.equals(large), whole.field("server")]).toEqual([200, true, "portcullis"])
    const range = "GET /large.bin HTTP/1.1\r\nHost: a.example\r\nRange: bytes=11-20\r\n\r\n"
    const part = await exchangeOnce(port(), range)
    expect([part.status, part.text, part.field("content-range")]).toEqual([206, "portcullis", "bytes 11-20/3000000"])
  })

  test.skipIf(skip)(nginx.named("304, 404, HEAD and an echo of the body, on one connection"), async () => {
    using client = await RawClient.connect(port())
    const head = await client.exchange("HEAD /large.bin HTTP/1.1\r\nHost: a.example\r\n\r\n")
    expect([head.status, head.field("content-length")]).toEqual([200, "3000000"])
    const etag = head.field("etag") ?? ""
    const request = `GET /large.bin HTTP/1.1\r\nHost: a.example\r\nIf-None-Match: ${etag}\r\n\r\n`
    expect((await client.exchange(request)).status).toBe(304)
    expect((await client.exchange("GET /none HTTP/1.1\r\nHost: a.example\r\n\r\n")).status).toBe(404)
    const echo = await client.exchange(
      "GET /headers HTTP/1.1\r\nHost: shop.example:81\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n",
    )
    expect(echo.text).toBe("shop.example:81|1.2.3.4,127.0.0.1|http|\n")
  })

  test.skipIf(skip)(nginx.named("a compressed answer is passed on as it is"), async () => {
    const request = "GET /headers HTTP/1.1\r\nHost: a.example\r\nAccept-Encoding: gzip\r\n\r\n"
    const response = await exchangeOnce(port(), request)
    expect([response.field("content-encoding"), response.field("transfer-encoding")]).toEqual(["gzip", "chunked"])
    expect(new TextDecoder().decode(Bun.gunzipSync(new Uint8Array(response.body)))).toBe("a.example|127.0.0.1|http|\n")
  })
})

/** Whether somebody listens on a unix socket. */
async function accepts(path: string): Promise<boolean> {
  try {
    const socket = await Bun.connect({ unix: path, socket: { data() {} } })
    socket.end()
    return true
  } catch {
    // Not yet: that is the answer.
    return false
  }
}

function nginxConfiguration(folder: string, socket: string): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  )
  return `
daemon off;
# As whoever runs the tests, root too.
master_process off;
worker_processes 1;
pid ${folder}/nginx.pid;
events { worker_connections 64; }
http {
  access_log off;
  ${temporary.join("\n  ")}
  gzip on; gzip_min_length 1; gzip_types text/plain;
  server {
    listen unix:${socket};
    root ${folder}/html;
    location /headers {
      default_type text/plain;
      return 200 "$http_host|$http_x_forwarded_for|$http_x_forwarded_proto|$http_connection\\n";
    }
  }
}
`
}
