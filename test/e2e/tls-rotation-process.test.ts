/**
 * Certificates that change below `--secrets` while the process serves, in the ways in which tools change them (Istio
 * semantics sheet 1.11): new handshakes see the new one, open connections go on, and a broken one changes nothing but
 * what the gateway says of itself.
 */
import { afterEach, beforeAll, beforeEach, expect, test } from "bun:test"
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { connect } from "node:tls"
import { z } from "zod"
import { RunningCommand } from "../../src/cli/cli-process.fixture.ts"
import { DevelopmentPki, type IssuedCertificate } from "../../src/security/development-pki.ts"
import { yamlOf } from "../harness/routes-to.ts"
import { connectTls } from "../harness/tls-client.ts"
import { answeringYaml, tlsGatewayYaml } from "../harness/tls-routes.ts"
import { waitUntil } from "../harness/wait-until.ts"

const HOST = "a.example"
const REQUEST = `GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`

const certsPage = z.object({
  certificates: z.array(z.object({ serving: z.boolean(), problem: z.string() })),
})

type KeyPair = Pick<IssuedCertificate, "certificatePem" | "privateKeyPem">

let first: IssuedCertificate
let second: IssuedCertificate
/** The second one's certificate with the first one's key. */
let broken: KeyPair
beforeAll(async () => {
  const pki = await DevelopmentPki.create(Date.now())
  const issue = (commonName: string) => pki.issue({ commonName, subjectAltNames: [HOST], purpose: "server" })
  first = await issue("first")
  second = await issue("second")
  broken = { certificatePem: second.certificatePem, privateKeyPem: first.privateKeyPem }
})

let folder = ""
let running: RunningCommand | null = null
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "portcullis-rotation-"))
  await mkdir(join(folder, "secrets"))
})
afterEach(async () => {
  running?.kill("SIGKILL")
  running = null
  await rm(folder, { recursive: true })
})

async function writePair(directory: string, { certificatePem, privateKeyPem }: KeyPair): Promise<void> {
  await mkdir(directory, { recursive: true })
  await writeFile(join(directory, "tls.crt"), certificatePem)
  await writeFile(join(directory, "tls.key"), privateKeyPem)
}

/** Makes the link point elsewhere in one step, whether it was there before or not. */
async function pointTo(link: string, target: string): Promise<void> {
  await symlink(target, `${link}_new`)
  await rename(`${link}_new`, link)
}

/** The ways in which what is in `secrets/a` is replaced. @param version from 1, another one each time */
const ways: Readonly<Record<string, (secret: string, pair: KeyPair, version: number) => Promise<void>>> = {
  "files written over": writePair,
  "files renamed into place": async (secret, pair, version) => {
    const staging = join(secret, `.staging-${version}`)
    await writePair(staging, pair)
    for (const file of ["tls.crt", "tls.key"]) await rename(join(staging, file), join(secret, file))
  },
  "a link to the folder moved": async (secret, pair, version) => {
    await writePair(join(folder, "versions", String(version)), pair)
    await pointTo(secret, `../versions/${version}`)
  },
  "the link in a Kubernetes mount moved": async (secret, pair, version) => {
    await writePair(join(secret, `..${version}`), pair)
    await pointTo(join(secret, "..data"), `..${version}`)
    if (version === 1) for (const file of ["tls.crt", "tls.key"]) await symlink(`..data/${file}`, join(secret, file))
    else await rm(join(secret, `..${version - 1}`), { recursive: true })
  },
}

interface Started {
  readonly command: RunningCommand
  readonly port: number
  readonly adminPort: number
}

async function start(): Promise<Started> {
  const servers = [{ hosts: [HOST], tls: "{ mode: SIMPLE, credentialName: a }" }]
  await writeFile(join(folder, "routes.yaml"), yamlOf(tlsGatewayYaml(servers), answeringYaml("a", [HOST])))
  const own = ["--bind", "127.0.0.1", "--port-map", "443=0", "--admin", "127.0.0.1:0", "--status-port", "off"]
  const command = new RunningCommand(["-f", "routes.yaml", "--secrets", "secrets", ...own], { cwd: folder })
  running = command
  await command.waitFor(/^portcullis ready:/m)
  const [, port] = await command.waitFor(/listening listener=\S+ address=\S+ port=(\d+)/)
  const [, adminPort] = await command.waitFor(/ admin address=\S+ port=(\d+)/)
  return { command, port: Number(port), adminPort: Number(adminPort) }
}

/** The common name of the certificate that a new handshake is shown. */
function shownName(port: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const socket = connect({ host: "127.0.0.1", port, servername: HOST, rejectUnauthorized: false }, () => {
    resolve(String(socket.getPeerCertificate().subject.CN))
    socket.destroy()
  })
  socket.on("error", reject)
  return promise
}

function adminPage({ adminPort }: Started, path: string): Promise<Response> {
  return fetch(`http://127.0.0.1:${adminPort}${path}`)
}

interface ToldState {
  readonly certificates: z.infer<typeof certsPage>["certificates"]
  readonly problem: string | undefined
  readonly unserved: string | undefined
}

/** What `/certs` and the metrics say. */
async function toldState(started: Started): Promise<ToldState> {
  const { certificates } = certsPage.parse(await (await adminPage(started, "/certs?format=json")).json())
  const metrics = await (await adminPage(started, "/stats/prometheus")).text()
  const [, problem] = /^portcullis_certificate_problem\{[^}]*\} (\d)$/m.exec(metrics) ?? []
  const [, unserved] = /^portcullis_tls_servers_without_certificate (\d)$/m.exec(metrics) ?? []
  return { certificates, problem, unserved }
}

test.each(Object.entries(ways))("%s: a new certificate, a broken one, a whole one again", async (_, replace) => {
  const secret = join(folder, "secrets", "a")
  await replace(secret, first, 1)
  const started = await start()
  expect(await shownName(started.port)).toBe("first")
  using open = await connectTls(started.port, { serverName: HOST })
  expect((await open.exchange(REQUEST)).text).toBe("a")

  await replace(secret, second, 2)
  await waitUntil(async () => (await shownName(started.port)) === "second", "the new certificate")
  expect((await open.exchange(REQUEST)).text).toBe("a")
  const whole = { certificates: [{ serving: true, problem: "" }], problem: "0", unserved: "0" }
  expect(await toldState(started)).toEqual(whole)

  await replace(secret, broken, 3)
  const reason = "secrets/a: the private key does not belong to the certificate"
  // Half of what is written file by file was refused before: the log alone does not tell that this one was.
  await waitUntil(async () => (await toldState(started)).problem === "1", "the broken certificate is noticed")
  await started.command.waitFor(new RegExp(`new certificates refused, the old ones keep serving .*"${reason}"`))
  expect(await shownName(started.port)).toBe("second")
  expect((await open.exchange(REQUEST)).text).toBe("a")
  expect(await toldState(started)).toEqual({
    certificates: [{ serving: true, problem: reason }],
    problem: "1",
    unserved: "0",
  })

  await replace(secret, first, 4)
  await waitUntil(async () => (await shownName(started.port)) === "first", "the certificate that is whole again")
  expect(await toldState(started)).toEqual(whole)
  expect((await open.exchange(REQUEST)).text).toBe("a")
})
