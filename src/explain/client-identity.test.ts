import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Snapshot } from "../compile/snapshot.ts"
import { DevelopmentPki } from "../security/development-pki.ts"
import { loadCredentials } from "../security/load-credentials.ts"
import { Secrets } from "../security/secrets.ts"
import type { KnownCredentials } from "./client-identity.ts"
import { requestTo, snapshotOf } from "./explain.fixture.ts"
import { Explainer } from "./explainer.ts"
import type { Explanation } from "./explanation.ts"

function yaml(annotations: string): string {
  return `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge, annotations: ${annotations} }
spec:
  servers:
    - { port: { number: 443, name: open, protocol: HTTPS }, hosts: [open.example], tls: { mode: SIMPLE, credentialName: server } }
    - { port: { number: 443, name: closed, protocol: HTTPS }, hosts: [closed.example], tls: { mode: MUTUAL, credentialName: server } }
    - { port: { number: 443, name: lost, protocol: HTTPS }, hosts: [lost.example], tls: { mode: SIMPLE, credentialName: lost } }
${["open", "closed", "lost"]
  .map(
    (name) => `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name} }
spec:
  hosts: [${name}.example]
  gateways: [edge]
  http: [{ directResponse: { status: 200, body: { string: ${name} } } }]
`,
  )
  .join("")}`
}

let folder: string
let snapshot: Snapshot
let credentials: KnownCredentials
let clientPem: string
let strangerPem: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "portcullis-identity-"))
  const pki = await DevelopmentPki.create(Date.now())
  const server = await pki.issue({ commonName: "server", subjectAltNames: ["*.example"], purpose: "server" })
  const client = await pki.issue({ commonName: "jason", subjectAltNames: ["spiffe://a/jason"], purpose: "client" })
  const stranger = await (await DevelopmentPki.create(Date.now())).issue({
    commonName: "stranger",
    subjectAltNames: [],
    purpose: "client",
  })
  mkdirSync(join(folder, "server"))
  writeFileSync(join(folder, "server", "tls.crt"), server.certificatePem)
  writeFileSync(join(folder, "server", "tls.key"), server.privateKeyPem)
  writeFileSync(join(folder, "server", "ca.crt"), pki.rootPem)
  clientPem = client.certificatePem
  strangerPem = stranger.certificatePem
  snapshot = snapshotOf(yaml("{}"))
  credentials = loadCredentials(snapshot, new Secrets([], folder), Date.now()).byChain
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

function explain(url: string, clientCertificatePem = "", ...headers: readonly string[]): Explanation {
  const explanation = new Explainer(snapshot, credentials).explain({
    ...requestTo(url, ...headers),
    clientCertificatePem,
  })
  if ("error" in explanation) throw new Error(explanation.error)
  return explanation
}

describe("which server takes a handshake (Istio semantics sheet 1.10)", () => {
  test("the one with the server name, by the URL's host", () => {
    const { filterChain, outcomes } = explain("https://open.example/")
    expect(filterChain).toMatchObject({
      serverNames: ["open.example"],
      tlsMode: "simple",
      requestedServerName: "open.example",
    })
    expect(outcomes[0]?.response).toMatchObject({ status: 200, body: "open" })
  })

  test("no server has the name: the connection is closed, and the note says which there are", () => {
    const { filterChain, outcomes, notes } = explain("https://other.example/")
    expect([filterChain, outcomes]).toEqual([null, []])
    expect(notes[0]).toStartWith("no filter chain takes the server name other.example; there are: ")
  })

  test("a Host of another server is out of reach, and the note says so", () => {
    const { outcomes, notes } = explain("https://open.example/", "", "Host: closed.example")
    expect(outcomes[0]?.response?.status).toBe(404)
    expect(notes.at(-1)).toMatch(
      /on the same port knows closed\.example, but the handshake chose https\.443\.open\.edge\.default$/,
    )
  })

  test("a server without its certificate closes the connection", () => {
    const { outcomes, notes } = explain("https://lost.example/")
    expect(outcomes).toEqual([])
    expect(notes[0]).toStartWith("the connection is closed: ")
  })
})

describe("client certificates on a MUTUAL server (Istio semantics sheet 1.8)", () => {
  test("none is shown: 403 with the reason, nothing is routed", () => {
    const { virtualHost, outcomes, notes } = explain("https://closed.example/")
    expect(virtualHost).toBeNull()
    expect(outcomes[0]?.response).toMatchObject({
      status: 403,
      body: "client certificate required: no client certificate was presented",
    })
    expect(notes).toEqual(["nothing is routed: no client certificate was presented"])
  })

  test("one of an authority that is trusted: the request is routed", () => {
    expect(explain("https://closed.example/", clientPem).outcomes[0]?.response).toMatchObject({
      status: 200,
      body: "closed",
    })
  })

  test("one of another authority: 403", () => {
    const { outcomes } = explain("https://closed.example/", strangerPem)
    expect(outcomes[0]?.response).toMatchObject({ status: 403, details: "client_certificate_refused{unknown-issuer}" })
  })

  test("with the annotation for a TLS alert there is no answer at all", () => {
    const alerting = snapshotOf(yaml("{ portcullis.dev/client-cert-rejection: handshake }"))
    const byChain = loadCredentials(alerting, new Secrets([], folder), Date.now()).byChain
    const explanation = new Explainer(alerting, byChain).explain(requestTo("https://closed.example/"))
    expect(explanation).toMatchObject({
      outcomes: [],
      notes: ["the handshake fails: no client certificate was presented"],
    })
  })

  test("one that nobody asks for is not sent, and the note says so", () => {
    const { outcomes, notes } = explain("https://open.example/", clientPem)
    expect(outcomes[0]?.response).toMatchObject({ status: 200, body: "open" })
    expect(notes).toEqual(["the client certificate is not sent: this server asks for none"])
  })

  test("a file without a certificate is an error", () => {
    const request = { ...requestTo("https://closed.example/"), clientCertificatePem: "nonsense" }
    expect(new Explainer(snapshot, credentials).explain(request)).toEqual({
      error: "the client certificate: there is no certificate in it",
    })
  })
})
