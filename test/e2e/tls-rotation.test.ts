/** New certificates are live for new handshakes, open connections go on, broken ones change nothing (sheet 1.11). */
import { beforeAll, expect, test } from "bun:test"
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { connect } from "node:tls"
import { RunningCommand } from "../../src/cli/cli-process.fixture.ts"
import { runAtOnce } from "../../src/config/steps.ts"
import { DevelopmentPki, type IssuedCertificate } from "../../src/security/development-pki.ts"
import { startGateway } from "../harness/gateway-under-test.ts"
import { WAIT_MS_MAX } from "../harness/raw-socket.ts"
import { yamlOf } from "../harness/routes-to.ts"
import { connectTls } from "../harness/tls-client.ts"
import { answeringYaml, secretYaml, tlsGatewayYaml, tlsSecretYaml } from "../harness/tls-routes.ts"

const HOST = "a.example"
const REQUEST = `GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`

let pki: DevelopmentPki
let first: IssuedCertificate
let second: IssuedCertificate
beforeAll(async () => {
  pki = await DevelopmentPki.create(Date.now())
  const issue = (commonName: string) => pki.issue({ commonName, subjectAltNames: [HOST], purpose: "server" })
  first = await issue("first")
  second = await issue("second")
})

/** The common name of the certificate that a new handshake is shown. */
function shownName(port: number, servername = HOST, host = "127.0.0.1"): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const socket = connect({ host, port, servername, rejectUnauthorized: false }, () => {
    resolve(String(socket.getPeerCertificate().subject.CN))
    socket.destroy()
  })
  socket.on("error", reject)
  return promise
}

const gatewayYaml = (tls: string, body = "a") =>
  yamlOf(tlsGatewayYaml([{ hosts: [HOST], tls }]), answeringYaml(body, [HOST]))

test("a changed Secret serves new handshakes; an open connection goes on with its old one", async () => {
  const yaml = gatewayYaml("{ mode: SIMPLE, credentialName: a }")
  await using gateway = await startGateway(yamlOf(yaml, tlsSecretYaml("a", first)))
  using client = await connectTls(gateway.port(443), { serverName: HOST })
  expect((await client.exchange(REQUEST)).text).toBe("a")
  expect(await shownName(gateway.port(443))).toBe("first")
  gateway.applySecrets(tlsSecretYaml("a", second))
  expect(await shownName(gateway.port(443))).toBe("second")
  expect((await client.exchange(REQUEST)).text).toBe("a")
})

test("server by server: between two steps one has its new certificate and its neighbour the old one", async () => {
  const servers = ["a.example", "b.example"].map((host, index) => ({
    hosts: [host],
    tls: `{ mode: SIMPLE, credentialName: s${index} }`,
  }))
  const secretsYaml = (issued: IssuedCertificate) => yamlOf(tlsSecretYaml("s0", issued), tlsSecretYaml("s1", issued))
  await using gateway = await startGateway(
    yamlOf(tlsGatewayYaml(servers), answeringYaml("a", ["a.example", "b.example"]), secretsYaml(first)),
  )
  const shown = () => Promise.all(["a.example", "b.example"].map((name) => shownName(gateway.port(443), name)))
  const seen: string[] = []
  const steps = gateway.applyingSecrets(secretsYaml(second))
  for (let step = steps.next(); step.done !== true; step = steps.next()) seen.push((await shown()).join(" "))
  seen.push((await shown()).join(" "))
  expect(seen).toEqual(["first first", "second first", "second second"])
})

test("two listeners of one name, on addresses of two families, both have the new certificate", async () => {
  const serverAt = (bind: string) => `
    - port: { number: 443, name: "https${bind}", protocol: HTTPS }
      bind: "${bind}"
      hosts: ["${HOST}"]
      tls: { mode: SIMPLE, credentialName: a }`
  // A server without `bind` is named after 0.0.0.0, wherever --bind puts it.
  const gatewayOfBoth = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge }
spec:
  servers:${serverAt("0.0.0.0")}${serverAt("")}
`
  const yaml = yamlOf(gatewayOfBoth, answeringYaml("a", [HOST]))
  await using gateway = await startGateway(yamlOf(yaml, tlsSecretYaml("a", first)), { bindAddresses: ["::1"] })
  const shown = () =>
    Promise.all(
      gateway.gateway.boundListeners.map(({ address, port }) =>
        shownName(port, HOST, address === "::1" ? "::1" : "127.0.0.1"),
      ),
    )
  expect(gateway.gateway.boundListeners.map(({ name }) => name)).toEqual(["0.0.0.0_443", "0.0.0.0_443"])
  expect(await shown()).toEqual(["first", "first"])
  gateway.applySecrets(tlsSecretYaml("a", second))
  expect(await shown()).toEqual(["second", "second"])
})

test("a reload with new certificates has them in its steps, before it swaps the routing", async () => {
  const servedYaml = (body: string, issued: IssuedCertificate) =>
    yamlOf(gatewayYaml("{ mode: SIMPLE, credentialName: a }", body), tlsSecretYaml("a", issued))
  await using gateway = await startGateway(servedYaml("old", first))
  const port = gateway.port(443)
  const answer = async () => {
    using client = await connectTls(port, { serverName: HOST })
    return (await client.exchange(REQUEST)).text
  }
  const seen: string[] = []
  await gateway.apply(servedYaml("new", second), async (steps) => {
    const result = runAtOnce(steps)
    seen.push(`${await shownName(port)} ${await answer()}`)
    return result
  })
  seen.push(`${await shownName(port)} ${await answer()}`)
  expect(seen).toEqual(["first old", "second old", "second new"])
})

test.each([
  ["is gone", () => ""],
  ["has a key that does not fit", () => tlsSecretYaml("a", { ...second, privateKeyPem: first.privateKeyPem })],
  ["is no PEM", () => secretYaml("a", { "tls.crt": "no", "tls.key": "no" })],
])("a new Secret that %s leaves the old one serving, and is reported", async (_, brokenYaml) => {
  const yaml = gatewayYaml("{ mode: SIMPLE, credentialName: a }")
  await using gateway = await startGateway(yamlOf(yaml, tlsSecretYaml("a", first)))
  gateway.applySecrets(brokenYaml())
  expect(await shownName(gateway.port(443))).toBe("first")
  const [server] = gateway.gateway.tlsServers
  expect([server?.isServing, server?.problem === ""]).toEqual([true, false])
  expect(gateway.logLines.join("")).toContain("new certificates refused, the old ones keep serving")
  // Whole again.
  gateway.applySecrets(tlsSecretYaml("a", second))
  expect(await shownName(gateway.port(443))).toBe("second")
  expect(gateway.gateway.tlsServers[0]?.problem).toBe("")
})

test("a Secret that was missing brings its server up when it comes", async () => {
  const yaml = gatewayYaml("{ mode: SIMPLE, credentialName: a }")
  await using gateway = await startGateway(yaml)
  expect(shownName(gateway.port(443))).rejects.toThrow()
  expect(gateway.counters.tlsServersWithoutCertificateActive).toBe(1)
  gateway.applySecrets(tlsSecretYaml("a", first))
  expect(await shownName(gateway.port(443))).toBe("first")
  expect(gateway.counters.tlsServersWithoutCertificateActive).toBe(0)
})

test("authorities rotate too: who was trusted is not, from the next handshake on", async () => {
  const otherPki = await DevelopmentPki.create(Date.now())
  const identity = await pki.issue({ commonName: "client", subjectAltNames: [], purpose: "client" })
  const yaml = gatewayYaml("{ mode: MUTUAL, credentialName: a }")
  await using gateway = await startGateway(yamlOf(yaml, tlsSecretYaml("a", first, pki.rootPem)))
  using open = await connectTls(gateway.port(443), { serverName: HOST, identity })
  expect((await open.exchange(REQUEST)).status).toBe(200)
  gateway.applySecrets(tlsSecretYaml("a", first, otherPki.rootPem))
  using fresh = await connectTls(gateway.port(443), { serverName: HOST, identity })
  expect((await fresh.exchange(REQUEST)).status).toBe(403)
  expect((await open.exchange(REQUEST)).status).toBe(200)
})

test("the process sees files of the secrets folder and files that a Gateway names change by themselves", async () => {
  const folder = await mkdtemp(join(tmpdir(), "portcullis-rotation-"))
  const write = async (name: string, issued: IssuedCertificate) => {
    await mkdir(join(folder, name), { recursive: true })
    for (const [file, text] of [
      ["tls.crt", issued.certificatePem],
      ["tls.key", issued.privateKeyPem],
    ] as const) {
      // Whole at once, as tools that rotate certificates do it.
      await writeFile(join(folder, name, `.${file}`), text)
      await rename(join(folder, name, `.${file}`), join(folder, name, file))
    }
  }
  let running: RunningCommand | null = null
  try {
    await write("secrets/a", first)
    await write("elsewhere", first)
    const byPath = `{ mode: SIMPLE, serverCertificate: ${folder}/elsewhere/tls.crt, privateKey: ${folder}/elsewhere/tls.key }`
    const yaml = yamlOf(
      tlsGatewayYaml([{ hosts: [HOST], tls: "{ mode: SIMPLE, credentialName: a }" }]),
      tlsGatewayYaml([{ hosts: [HOST], tls: byPath }], "{}", 444).replace("name: edge", "name: other"),
      answeringYaml("a", [HOST]),
    )
    await writeFile(join(folder, "routes.yaml"), yaml)
    const own = ["--bind", "127.0.0.1", "--port-map", "443=0,444=0", "--admin", "off", "--status-port", "off"]
    running = new RunningCommand(["-f", "routes.yaml", "--secrets", "secrets", ...own], { cwd: folder })
    await running.waitFor(/^portcullis ready:/m)
    for (const [declared, name] of [
      [443, "secrets/a"],
      [444, "elsewhere"],
    ] as const) {
      const line = await running.waitFor(new RegExp(`listening listener=\\S+_${declared} address=\\S+ port=(\\d+)`))
      const port = Number(line[1])
      expect(await shownName(port)).toBe("first")
      await write(name, second)
      const deadlineMs = performance.now() + WAIT_MS_MAX
      while ((await shownName(port)) !== "second") {
        if (performance.now() > deadlineMs) throw new Error(`${name} is never noticed:\n${running.stderr}`)
        await Bun.sleep(10)
      }
    }
  } finally {
    running?.kill("SIGKILL")
    await rm(folder, { recursive: true })
  }
})
