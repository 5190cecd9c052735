/**
 * MariaDB and Redis behind the gateway, with their own clients doing real work: through TCP routes, through TLS passed
 * on, through TLS terminated here (Istio semantics sheet 8).
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { CertificateAuthority, openssl } from "../harness/certificate-authority.ts"
import {
  DATABASE_PASSWORD,
  DATABASE_START_MS_MAX,
  DATABASE_USER,
  DatabaseServer,
  type DatabaseTls,
  mariadb,
  mariadbDump,
  mariadbInstall,
  mariadbServer,
  redisCli,
  redisServer,
  run,
} from "../harness/database-server.ts"
import { type GatewayUnderTest, startGateway } from "../harness/gateway-under-test.ts"
import { yamlOf } from "../harness/routes-to.ts"
import {
  TCP_PORT,
  TCP_SERVICE_HOST,
  tcpGatewayYaml,
  tcpServiceYaml,
  tcpVirtualServiceYaml,
} from "../harness/tcp-service.ts"
import { secretYaml, tlsGatewayYaml } from "../harness/tls-routes.ts"

const testMsMax = 60_000

const mariadbTools = [mariadbServer, mariadbInstall, mariadb, mariadbDump, openssl]
const redisTools = [redisServer, redisCli, openssl]
const missingMariadb = mariadbTools.find(({ path }) => path === null)
const missingRedis = redisTools.find(({ path }) => path === null)

let authority: CertificateAuthority | null = null
beforeAll(() => {
  if (openssl.path !== null) authority = CertificateAuthority.create()
})
afterAll(() => authority?.[Symbol.dispose]())

function issue(name: string): DatabaseTls {
  if (authority === null) throw new Error("there is no certificate authority")
  return {
    issued: authority.issue({ subjectAltName: `DNS:${name},IP:127.0.0.1` }),
    authorityFile: authority.certificateFile,
  }
}

function tcpRoutes(port: number, protocol: string): string {
  return yamlOf(tcpGatewayYaml("{}", protocol), tcpServiceYaml(TCP_SERVICE_HOST, [port]), tcpVirtualServiceYaml())
}

describe("MariaDB", () => {
  let server: DatabaseServer | null = null
  let tls: DatabaseTls | null = null
  let gateway: GatewayUnderTest | null = null
  beforeAll(async () => {
    if (missingMariadb !== undefined) return
    tls = issue("database.example")
    server = await DatabaseServer.startMariaDb(tls)
    gateway = await startGateway(tcpRoutes(server.port, "MYSQL"))
  }, DATABASE_START_MS_MAX)
  afterAll(async () => {
    await gateway?.stop()
    await server?.[Symbol.asyncDispose]()
  })

  function through(options: readonly string[] = ["--skip-ssl"]): readonly string[] {
    const login = ["--no-defaults", `--user=${DATABASE_USER}`, `--password=${DATABASE_PASSWORD}`]
    return [...login, "--protocol=tcp", "--host=127.0.0.1", `--port=${gateway?.port(TCP_PORT)}`, ...options]
  }

  const rowCount = 40_000
  const dumpOptions = ["--skip-dump-date", "--hex-blob", "--order-by-primary"]
  const named = missingMariadb?.named ?? ((name: string) => name)

  test.skipIf(missingMariadb !== undefined)(
    named("a dump is restored through the gateway, dumped through it again, and is the same"),
    async () => {
      const rows = Array.from(
        { length: rowCount },
        (_, id) => `(${id}, 'item ${id} ${"x".repeat(id % 200)}', x'00ff0a0d')`,
      )
      const inserts = Array.from({ length: rowCount / 1_000 }, (_, index) => {
        return `INSERT INTO items VALUES ${rows.slice(index * 1_000, (index + 1) * 1_000).join(",")};\n`
      })
      const schema = "CREATE TABLE items (id INT PRIMARY KEY, name TEXT NOT NULL, raw VARBINARY(8) NOT NULL);\n"
      await run([mariadb.path ?? "", ...through(), "shop"], schema + inserts.join(""))

      const dump = await run([mariadbDump.path ?? "", ...through(), ...dumpOptions, "shop", "items"], "")
      expect(dump.length).toBeGreaterThan(4_000_000)
      await run([mariadb.path ?? "", ...through(), "--execute=CREATE DATABASE copy"], "")
      await run([mariadb.path ?? "", ...through(), "copy"], dump)
      const again = await run([mariadbDump.path ?? "", ...through(), ...dumpOptions, "copy", "items"], "")
      // As a boolean: nobody reads four megabytes of difference.
      expect(again.replace("Database: copy", "Database: shop") === dump).toBe(true)
      const counted = await run(
        [mariadb.path ?? "", ...through(), "--skip-column-names", "--execute=SELECT COUNT(*) FROM copy.items"],
        "",
      )
      expect(counted.trim()).toBe(String(rowCount))
    },
    testMsMax,
  )

  test.skipIf(missingMariadb !== undefined)(
    named("a client that verifies the server's certificate sees the database's own"),
    async () => {
      const verified = ["--ssl", `--ssl-ca=${tls?.authorityFile}`, "--ssl-verify-server-cert"]
      const query = "--execute=SHOW STATUS LIKE 'Ssl_version'"
      const output = await run([mariadb.path ?? "", ...through(verified), "--skip-column-names", query], "")
      expect(output).toMatch(/^Ssl_version\tTLSv1\.[23]\n$/)
    },
    testMsMax,
  )
})

const commandCount = 100_000

/** As `redis-cli --pipe` takes it: the wire protocol. */
function pipeline(): string {
  const word = (text: string) => `$${text.length}\r\n${text}\r\n`
  return Array.from({ length: commandCount }, (_, index) => {
    return `*3\r\n${word("SET")}${word(`key:${index}`)}${word("v".repeat(index % 50))}`
  }).join("")
}

async function expectPipelineServed(options: readonly string[]): Promise<void> {
  const cli = [redisCli.path ?? "", "-h", "127.0.0.1", ...options]
  expect(await run([...cli, "--pipe"], pipeline())).toContain(`errors: 0, replies: ${commandCount}\n`)
  expect((await run([...cli, "DBSIZE"], "")).trim()).toBe(String(commandCount))
  expect((await run([...cli, "STRLEN", "key:99949"], "")).trim()).toBe("49")
}

describe("Redis", () => {
  const named = missingRedis?.named ?? ((name: string) => name)

  test.skipIf(missingRedis !== undefined)(
    named("a pipeline of 100,000 commands through a TCP route"),
    async () => {
      await using redis = await DatabaseServer.startRedis()
      await using gateway = await startGateway(tcpRoutes(redis.port, "REDIS"))
      await expectPipelineServed(["-p", String(gateway.port(TCP_PORT))])
      const [cluster] = gateway.gateway.clusters
      expect(cluster?.connections.opened).toBe(3)
      expect(cluster?.connections.receivedBytes).toBeGreaterThan(pipeline().length)
    },
    testMsMax,
  )

  test.skipIf(missingRedis !== undefined)(
    named("the same through TLS passed on by server name: the client verifies the database's own certificate"),
    async () => {
      const tls = issue("redis.example")
      await using redis = await DatabaseServer.startRedis(tls)
      const passthrough = tlsGatewayYaml([{ hosts: ["redis.example"], tls: "{ mode: PASSTHROUGH }", protocol: "TLS" }])
      const route = tcpVirtualServiceYaml()
        .replace("tcp:", "tls:")
        .replace('hosts: ["*"]', "hosts: [redis.example]")
        .replace("- route", "- match: [{ sniHosts: [redis.example] }]\n      route")
      await using gateway = await startGateway(
        yamlOf(passthrough, tcpServiceYaml(TCP_SERVICE_HOST, [redis.port]), route),
      )
      const port = ["-p", String(gateway.port(443))]
      await expectPipelineServed([...port, "--tls", "--sni", "redis.example", "--cacert", tls.authorityFile])
      const unknown = [...port, "--tls", "--sni", "other.example", "--cacert", tls.authorityFile]
      await expect(run([redisCli.path ?? "", "-h", "127.0.0.1", ...unknown, "PING"], "")).rejects.toThrow()
    },
    testMsMax,
  )

  test.skipIf(missingRedis !== undefined)(
    named("the same through TLS that ends at the gateway: the database speaks plain"),
    async () => {
      const tls = issue("redis.example")
      await using redis = await DatabaseServer.startRedis()
      const server = { hosts: ["redis.example"], tls: "{ mode: SIMPLE, credentialName: redis }", protocol: "TLS" }
      const route = tcpVirtualServiceYaml().replace('hosts: ["*"]', "hosts: [redis.example]")
      await using gateway = await startGateway(
        yamlOf(
          tlsGatewayYaml([server]),
          secretYaml("redis", { "tls.crt": tls.issued.certificatePem, "tls.key": tls.issued.privateKeyPem }),
          tcpServiceYaml(TCP_SERVICE_HOST, [redis.port]),
          route,
        ),
      )
      const port = ["-p", String(gateway.port(443))]
      await expectPipelineServed([...port, "--tls", "--sni", "redis.example", "--cacert", tls.authorityFile])
    },
    testMsMax,
  )

  test.skipIf(missingRedis !== undefined)(
    named("the same where the gateway speaks TLS to the database, as its DestinationRule says"),
    async () => {
      const tls = issue("redis.example")
      await using redis = await DatabaseServer.startRedis(tls)
      const policy = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: redis }
spec:
  host: ${TCP_SERVICE_HOST}
  trafficPolicy:
    tls: { mode: SIMPLE, caCertificates: ${tls.authorityFile}, subjectAltNames: [redis.example] }
`
      await using gateway = await startGateway(yamlOf(tcpRoutes(redis.port, "REDIS"), policy))
      await expectPipelineServed(["-p", String(gateway.port(TCP_PORT))])
    },
    testMsMax,
  )
})
