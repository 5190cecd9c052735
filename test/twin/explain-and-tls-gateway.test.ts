/**
 * What `explain` says of TLS is what the gateway does: every server name, with every Host, with every kind of client
 * certificate, each explained and each sent to a running gateway (Istio semantics sheet 1.8 to 1.10).
 */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { parseResources } from "../../src/config/parse-resources.ts"
import { snapshotOf } from "../../src/explain/explain.fixture.ts"
import { Explainer } from "../../src/explain/explainer.ts"
import { parseUrl, type RequestToExplain, requestHeadBytes } from "../../src/explain/request-to-explain.ts"
import { DevelopmentPki, type IssuedCertificate } from "../../src/security/development-pki.ts"
import { loadCredentials } from "../../src/security/load-credentials.ts"
import { Secrets } from "../../src/security/secrets.ts"
import { type GatewayUnderTest, startGateway } from "../harness/gateway-under-test.ts"
import { SERVICE_HOST, serviceYaml, virtualServiceYaml, yamlOf } from "../harness/routes-to.ts"
import { ScriptedUpstream } from "../harness/scripted-upstream.ts"
import { connectTls } from "../harness/tls-client.ts"
import { answeringYaml, tlsGatewayYaml, tlsSecretYaml } from "../harness/tls-routes.ts"
import { asSeen, type Seen, withoutRandom } from "./seen.ts"

const DAY_MS = 86_400_000

/** Each with the TLS mode of its name; `strict` fails handshakes, `lost` has no certificate. */
const hosts = [
  "simple.example",
  "mutual.example",
  "optional.example",
  "named.example",
  "deep.wild.example",
  "strict.example",
  "lost.example",
]
/** No server takes these: none is for `*`, and a wildcard does not cover its own suffix. */
const strangers = ["", "stranger.example", "wild.example", "127.0.0.1"]

let upstream: ScriptedUpstream
let gateway: GatewayUnderTest
let explainer: Explainer
/** null = the client shows none. */
let identities: ReadonlyMap<string, IssuedCertificate | null>

beforeAll(async () => {
  const nowUnixMs = Date.now()
  const pki = await DevelopmentPki.create(nowUnixMs)
  const elsewhere = await DevelopmentPki.create(nowUnixMs)
  const server = await pki.issue({ commonName: "server", subjectAltNames: ["simple.example"], purpose: "server" })
  const client = { commonName: "client", subjectAltNames: ["spiffe://mesh/ns/a/sa/client"], purpose: "client" } as const
  const past = { validFromUnixMs: nowUnixMs - 2 * DAY_MS, validToUnixMs: nowUnixMs - DAY_MS }
  const future = { validFromUnixMs: nowUnixMs + DAY_MS, validToUnixMs: nowUnixMs + 2 * DAY_MS }
  identities = new Map([
    ["none", null],
    ["a good one", await pki.issue(client)],
    ["one with the listed name", await pki.issue({ ...client, subjectAltNames: ["listed.example", "other.example"] })],
    ["a stranger's", await elsewhere.issue(client)],
    ["an expired one", await pki.issue({ ...client, ...past })],
    ["one of tomorrow", await pki.issue({ ...client, ...future })],
    ["a server's", server],
  ])
  const own = "credentialName: own"
  const servers = [
    { hosts: ["simple.example"], tls: `{ mode: SIMPLE, ${own} }` },
    { hosts: ["mutual.example"], tls: `{ mode: MUTUAL, ${own} }` },
    { hosts: ["optional.example"], tls: `{ mode: OPTIONAL_MUTUAL, ${own} }` },
    { hosts: ["named.example"], tls: `{ mode: MUTUAL, ${own}, subjectAltNames: [listed.example] }` },
    { hosts: ["*.wild.example"], tls: `{ mode: SIMPLE, ${own} }` },
    { hosts: ["lost.example"], tls: "{ mode: SIMPLE, credentialName: lost }" },
  ]
  const strictServers = [{ hosts: ["strict.example"], tls: `{ mode: MUTUAL, ${own} }` }]
  const handshake = "{ portcullis.dev/client-cert-rejection: handshake }"
  upstream = ScriptedUpstream.start(({ connection }) => connection.send("HTTP/1.1 204 No Content\r\n\r\n"))
  const toService = `- match: [{ uri: { prefix: /service } }]
  route: [{ destination: { host: ${SERVICE_HOST} } }]`
  const yaml = yamlOf(
    tlsGatewayYaml(servers),
    tlsGatewayYaml(strictServers, handshake).replace("name: edge", "name: strict"),
    tlsSecretYaml("own", server, pki.rootPem),
    serviceYaml(SERVICE_HOST, [upstream.port]),
    ...hosts.map((host) => {
      const route = `${toService}\n- directResponse: { status: 200, body: { string: ${host} } }`
      return virtualServiceYaml(host.replaceAll(".", "-"), [host], route).replace("[edge]", "[edge, strict]")
    }),
    answeringYaml("wild", ["*.wild.example"]),
  )
  gateway = await startGateway(yaml)
  const snapshot = snapshotOf(yaml)
  const { value } = parseResources([{ path: "test.yaml", text: yaml }])
  const secrets = new Secrets(
    value.filter((resource) => resource.kind === "Secret"),
    "/nonexistent",
  )
  explainer = new Explainer(snapshot, loadCredentials(snapshot, secrets, nowUnixMs).byChain)
})

afterAll(async () => {
  await gateway.stop()
  upstream.stop()
})

/** null = the connection is closed, during the handshake or without an answer. */
async function send(one: RequestToExplain, identity: IssuedCertificate | null): Promise<Seen | null> {
  const url = parseUrl(one.url)
  if ("error" in url) throw new Error(url.error)
  const before = upstream.requests.length
  const options = { serverName: one.serverName ?? "", ...(identity === null ? {} : { identity }) }
  try {
    using client = await connectTls(gateway.port(443), options)
    const response = await client.exchange(requestHeadBytes(one, url))
    if (upstream.requests.length === before) {
      return { status: response.status, location: response.field("location"), body: response.text, upstream: "" }
    }
  } catch (error) {
    if (error instanceof Error && /closed|handshake/.test(error.message)) return null
    throw error
  }
  const head = upstream.requests.at(-1)?.headText ?? ""
  return { status: 200, location: null, body: "", upstream: `${upstream.port} ${withoutRandom(head)}` }
}

test.each([...hosts, ...strangers])("server name %p, with each Host and each certificate", async (serverName) => {
  const outcomes = new Set<string>()
  for (const [name, identity] of identities) {
    for (const host of [...hosts, "stranger.example"]) {
      for (const path of ["/", "/service"]) {
        const one: RequestToExplain = {
          method: "GET",
          url: `https://${host}${path}`,
          headers: [],
          serverName,
          gateway: null,
          clientCertificatePem: identity?.certificatePem ?? "",
        }
        const explanation = explainer.explain(one)
        if ("error" in explanation) throw new Error(explanation.error)
        const told = explanation.outcomes.map(asSeen)
        const seen = await send(one, identity)
        expect(told, `${name}, ${one.url}`).toEqual(seen === null ? [] : [seen])
        outcomes.add(seen === null ? "closed" : `${seen.status}${seen.upstream === "" ? "" : " of the service"}`)
      }
    }
  }
  // It was not the same for all: the comparison compared something.
  const isServed = hosts.includes(serverName) && serverName !== "lost.example"
  const refusal =
    serverName === "strict.example" ? "closed" : /^(?:mutual|named|optional)/.test(serverName) ? "403" : ""
  const expected = isServed ? ["200", "404", ...(refusal === "" ? [] : [refusal])] : ["closed"]
  for (const outcome of expected) expect([...outcomes]).toContain(outcome)
  if (!isServed) expect([...outcomes]).toEqual(["closed"])
})
