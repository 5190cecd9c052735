/** What a client may break after its handshake costs it its connection, and is no error of the gateway's. */
import { expect, test } from "bun:test"
import { connect, createServer, type Socket } from "node:net"
import { connect as connectNodeTls } from "node:tls"
import { DevelopmentPki } from "../../src/security/development-pki.ts"
import { type GatewayUnderTest, startGateway } from "../harness/gateway-under-test.ts"
import { yamlOf } from "../harness/routes-to.ts"
import { answeringYaml, tlsGatewayYaml, tlsSecretYaml } from "../harness/tls-routes.ts"
import { waitUntil } from "../harness/wait-until.ts"
import { requireTool } from "../peer-tools.ts"

const openssl = requireTool("openssl")

const HOST = "shop.example"

async function startHttps(): Promise<GatewayUnderTest> {
  const pki = await DevelopmentPki.create(Date.now())
  const issued = await pki.issue({ commonName: HOST, subjectAltNames: [HOST], purpose: "server" })
  const servers = [{ hosts: [HOST], tls: "{ mode: SIMPLE, credentialName: shop }" }]
  return startGateway(yamlOf(tlsGatewayYaml(servers), tlsSecretYaml("shop", issued), answeringYaml("shop", [HOST])))
}

async function expectCut(gateway: GatewayUnderTest): Promise<void> {
  await waitUntil(() => gateway.counters.downstreamConnectionsActive === 0, "the connection is gone")
  expect(gateway.counters.downstreamTlsBroken).toBe(1)
  expect(gateway.counters.downstreamTlsHandshakeErrors).toBe(0)
  expect(gateway.counters.invariantErrors).toBe(0)
  expect(gateway.logLines).toEqual([])
}

/** Between client and gateway; from the moment `isFlipping` is set the last bit of what the client sends is another. */
class TamperingRelay implements Disposable {
  isFlipping = false
  readonly #server = createServer((client) => this.#relay(client))
  readonly #target: number

  private constructor(target: number) {
    this.#target = target
  }

  static async start(target: number): Promise<TamperingRelay> {
    const relay = new TamperingRelay(target)
    await new Promise<void>((resolve) => relay.#server.listen(0, "127.0.0.1", resolve))
    return relay
  }

  get port(): number {
    const address = this.#server.address()
    return typeof address === "object" && address !== null ? address.port : 0
  }

  #relay(client: Socket): void {
    const gateway = connect(this.#target, "127.0.0.1")
    client.on("data", (bytes: Buffer) => {
      if (this.isFlipping) bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1
      gateway.write(bytes)
    })
    gateway.on("data", (bytes: Buffer) => client.write(bytes))
    for (const socket of [client, gateway]) {
      socket.on("error", () => {})
      socket.on("close", () => (socket === client ? gateway : client).destroy())
    }
  }

  [Symbol.dispose](): void {
    this.#server.close()
  }
}

test.each(["TLSv1.2", "TLSv1.3"] as const)("%s: a record that was changed on its way", async (version) => {
  await using gateway = await startHttps()
  using relay = await TamperingRelay.start(gateway.port(443))
  const closed = Promise.withResolvers<void>()
  const client = connectNodeTls({
    host: "127.0.0.1",
    port: relay.port,
    servername: HOST,
    rejectUnauthorized: false,
    minVersion: version,
    maxVersion: version,
  })
  client.on("error", () => {})
  client.on("close", () => closed.resolve())
  client.on("data", () => {
    relay.isFlipping = true
    client.write("x")
  })
  // With the answer to a first request the handshake is over for both.
  client.on("secureConnect", () => client.write(`GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`))
  await closed.promise
  await expectCut(gateway)
  expect(gateway.records.map(({ responseCode }) => responseCode)).toEqual([200])
})

test.skipIf(openssl.path === null)(openssl.named("a client that wants to renegotiate"), async () => {
  await using gateway = await startHttps()
  const address = ["-connect", `127.0.0.1:${gateway.port(443)}`, "-servername", HOST]
  const client = Bun.spawn([openssl.path ?? "", "s_client", "-tls1_2", ...address], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "ignore",
  })
  // It takes commands once it has shown what it agreed on.
  for await (const chunk of client.stdout) if (Buffer.from(chunk).includes("Verify return code")) break
  client.stdin.write("R\n")
  client.stdin.flush()
  await client.exited
  await expectCut(gateway)
})
