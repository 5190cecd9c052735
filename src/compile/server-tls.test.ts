import { describe, expect, test } from "bun:test"
import { compileExample, type Example, gateway, listenerOf, virtualService } from "./example-configuration.ts"
import { secretReference } from "./server-tls.ts"
import type { DownstreamTls, SecretReference } from "./snapshot.ts"

const https = (tls: string, protocol = "HTTPS"): string =>
  gateway({ port: 443, protocol, hosts: ["a.com"], server: `tls: ${tls}` })

function tlsOf(example: Example): DownstreamTls {
  const { tls } = listenerOf(example, "0.0.0.0_443").filterChains[0] ?? {}
  if (tls === undefined || tls === null) throw new Error("the chain terminates no TLS")
  return tls
}

const inDefault = (name: string): SecretReference => {
  return { kind: "secret", name, namespace: "default", isQualified: false }
}

describe("defaults (Istio semantics sheet 1.9)", () => {
  test("TLS 1.2 to 1.3, forward secrecy and authenticated ciphers alone, HTTP/1.1 by ALPN, no client certificate", () => {
    const tls = tlsOf(compileExample(https("{mode: SIMPLE, credentialName: a}")))
    expect(tls).toMatchObject({
      mode: "simple",
      versionMin: "TLSv1.2",
      versionMax: "TLSv1.3",
      curves: "",
      clientCertificates: null,
    })
    expect(tls.alpnProtocols).toContain("http/1.1")
    expect(tls.cipherSuites).toBe(
      "[ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-CHACHA20-POLY1305]:[ECDHE-RSA-AES128-GCM-SHA256|ECDHE-RSA-CHACHA20-POLY1305]:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384",
    )
  })
})

describe("settings", () => {
  test("versions", () => {
    const versions = (min: string, max: string) => {
      const tls = `{mode: SIMPLE, credentialName: a, minProtocolVersion: ${min}, maxProtocolVersion: ${max}}`
      const { versionMin, versionMax } = tlsOf(compileExample(https(tls)))
      return [versionMin, versionMax]
    }
    expect(versions("TLSV1_0", "TLSV1_1")).toEqual(["TLSv1", "TLSv1.1"])
    expect(versions("TLSV1_3", "TLSV1_3")).toEqual(["TLSv1.3", "TLSv1.3"])
    expect(versions("TLS_AUTO", "TLS_AUTO")).toEqual(["TLSv1.2", "TLSv1.3"])
  })

  test("unknown and repeated ciphers are dropped, and where none is left the default counts (Istio semantics sheet 1.1)", () => {
    const ciphers = (list: string) =>
      tlsOf(compileExample(https(`{mode: SIMPLE, credentialName: a, cipherSuites: ${list}}`))).cipherSuites
    expect(ciphers("[AES128-SHA, nope, ECDHE-RSA-AES256-SHA, AES128-SHA]")).toBe("AES128-SHA:ECDHE-RSA-AES256-SHA")
    expect(ciphers("[nope]")).toStartWith("[ECDHE-ECDSA-AES128-GCM-SHA256|")
  })

  test("curves that this TLS library does not have are dropped with a warning", () => {
    const example = compileExample(https("{mode: SIMPLE, credentialName: a, ecdhCurves: [P-224, X25519, P-256]}"))
    expect(tlsOf(example).curves).toBe("X25519:P-256")
    expect(example.findings).toEqual(["P3018 warning Gateway default/edge spec.servers[0].tls.ecdhCurves[0]"])
  })
})

describe("where certificates come from (Istio semantics sheet 1.1, 1.11)", () => {
  const forms: readonly (readonly [string, DownstreamTls["certificates"]])[] = [
    ["{mode: SIMPLE, credentialName: a}", [inDefault("a")]],
    ["{mode: SIMPLE, credentialNames: [rsa, ec]}", [inDefault("rsa"), inDefault("ec")]],
    [
      "{mode: SIMPLE, serverCertificate: /c, privateKey: /k}",
      [{ kind: "files", certificatePath: "/c", privateKeyPath: "/k" }],
    ],
    [
      "{mode: SIMPLE, tlsCertificates: [{serverCertificate: /c, privateKey: /k}, {serverCertificate: /d, privateKey: /l}]}",
      [
        { kind: "files", certificatePath: "/c", privateKeyPath: "/k" },
        { kind: "files", certificatePath: "/d", privateKeyPath: "/l" },
      ],
    ],
    ["{mode: ISTIO_MUTUAL}", [inDefault("istio-mutual")]],
  ]
  test.each(forms)("%s", (tls, certificates) => {
    expect(tlsOf(compileExample(https(tls))).certificates).toEqual(certificates)
  })

  test("names with a scheme or a namespace", () => {
    const of = (text: string) => {
      const { name, namespace, isQualified } = secretReference(text, "team")
      return `${namespace}/${name}${isQualified ? " only" : ""}`
    }
    expect(of("a")).toBe("team/a")
    expect(of("kubernetes://a")).toBe("team/a")
    expect(of("kubernetes://ns/a")).toBe("ns/a only")
    expect(of("kubernetes-gateway://ns/a")).toBe("ns/a only")
    expect(of("configmap://ns/a")).toBe("ns/a only")
  })
})

describe("client certificates (Istio semantics sheet 1.1, 1.8)", () => {
  test.each([
    ["MUTUAL", "mutual"],
    ["OPTIONAL_MUTUAL", "optional-mutual"],
  ] as const)("%s, authorities beside the certificate", (mode, compiled) => {
    const tls = tlsOf(compileExample(https(`{mode: ${mode}, credentialName: a}`)))
    expect(tls.mode).toBe(compiled)
    expect(tls.clientCertificates).toEqual({
      authorities: { kind: "beside-certificate", certificate: inDefault("a") },
      subjectAltNames: [],
      publicKeyHashes: [],
      certificateHashes: [],
      insecureSkipVerify: false,
      rejection: "http-403",
    })
  })

  test("lists are made comparable", () => {
    const hash = "AB".repeat(32)
    const tls = `{mode: MUTUAL, credentialName: a, subjectAltNames: [a.b, "spiffe://td/*", "*.example"], verifyCertificateHash: ["${hash.replace(/..(?=.)/g, "$&:")}"], insecureSkipVerify: true}`
    expect(tlsOf(compileExample(https(tls))).clientCertificates).toMatchObject({
      subjectAltNames: [
        { kind: "exact", value: "a.b" },
        { kind: "prefix", value: "spiffe://td/" },
        { kind: "suffix", value: ".example" },
      ],
      certificateHashes: [hash.toLowerCase()],
      insecureSkipVerify: true,
    })
  })

  test("authorities of another Secret, and of files", () => {
    const separate = "{mode: MUTUAL, credentialName: a, caCertCredentialName: trusted}"
    expect(tlsOf(compileExample(https(separate))).clientCertificates?.authorities).toMatchObject(inDefault("trusted"))
    const files = "{mode: MUTUAL, serverCertificate: /c, privateKey: /k, caCertificates: /ca, caCrl: /crl}"
    expect(tlsOf(compileExample(https(files))).clientCertificates?.authorities).toEqual({
      kind: "files",
      authoritiesPath: "/ca",
      revocationListsPath: "/crl",
    })
  })

  test("rejection is by handshake with the annotation, and always where the server is not HTTP", () => {
    const annotated = (value: string) =>
      https("{mode: MUTUAL, credentialName: a}").replace(
        "namespace: default",
        `namespace: default, annotations: {portcullis.dev/client-cert-rejection: ${value}}`,
      )
    expect(tlsOf(compileExample(annotated("handshake"))).clientCertificates?.rejection).toBe("handshake")
    expect(tlsOf(compileExample(annotated("http-403"))).clientCertificates?.rejection).toBe("http-403")
    const wrong = compileExample(annotated("http-401"))
    expect(wrong.findings).toEqual([
      'P3019 error Gateway default/edge metadata.annotations["portcullis.dev/client-cert-rejection"]',
    ])
    expect(wrong.diagnostics[0]?.hint).toBe('did you mean "http-403"?')
    const forwarding = virtualService().replace(
      "  http:\n  - {route: [{destination: {host: webapp}}]}",
      "  tcp: [{route: [{destination: {host: webapp}}]}]",
    )
    const tcp = compileExample(https("{mode: MUTUAL, credentialName: a}", "TLS") + forwarding)
    expect(tlsOf(tcp).clientCertificates?.rejection).toBe("handshake")
  })
})

describe("route tables of HTTPS servers (Istio semantics sheet 1.6)", () => {
  test("one for each server, named by the declared port; virtual hosts of that server alone", () => {
    const tls = "tls: {mode: SIMPLE, credentialName: a}"
    const example = compileExample(
      gateway({ name: "one", port: 443, protocol: "HTTPS", hosts: ["a.com"], server: tls }) +
        gateway({ name: "two", port: 443, protocol: "HTTPS", hosts: ["b.com"], server: tls }) +
        virtualService({ name: "a", hosts: ["a.com"], gateways: ["one"] }) +
        virtualService({ name: "b", hosts: ["b.com"], gateways: ["two"] }),
      { portMap: new Map([[443, 8443]]) },
    )
    const { filterChains } = listenerOf(example, "0.0.0.0_8443")
    const tables = filterChains.map((chain) =>
      chain.kind === "http"
        ? [chain.routes.name, chain.serverNames, chain.routes.virtualHosts.map(({ name }) => name)]
        : [],
    )
    expect(tables).toEqual([
      ["https.443.p443.one.default", ["a.com"], ["a.com:443"]],
      ["https.443.p443.two.default", ["b.com"], ["b.com:443"]],
    ])
  })

  test("a server for * has no server names; one with nothing bound answers 404", () => {
    const example = compileExample(
      gateway({
        port: 443,
        protocol: "HTTPS",
        hosts: ["a.com", "*"],
        server: "tls: {mode: SIMPLE, credentialName: a}",
      }),
    )
    const [chain] = listenerOf(example, "0.0.0.0_443").filterChains
    expect(chain?.serverNames).toEqual([])
    expect(chain?.kind === "http" && chain.routes.virtualHosts[0]?.name).toBe("blackhole:443")
  })
})

describe("PASSTHROUGH (Istio semantics sheet 8.2)", () => {
  const through = gateway({ port: 443, protocol: "TLS", hosts: ["*"], server: "tls: {mode: PASSTHROUGH}" })
  const rule = (...sniHosts: readonly string[]) =>
    `{match: [{sniHosts: ${JSON.stringify(sniHosts)}}], route: [{destination: {host: webapp}}]}`
  const rules = (name: string, ...list: readonly string[]) => `
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ${name}}
spec:
  hosts: ["*"]
  gateways: [edge]
  tls: [${list.join(", ")}]
`

  test("a chain for each match, its names those of sniHosts; `*` takes the rest", () => {
    const example = compileExample(through + rules("a", rule("A.com", "*.b.com"), rule("*")))
    const { filterChains } = listenerOf(example, "0.0.0.0_443")
    expect(filterChains.map(({ kind, tls, serverNames }) => [kind, tls, serverNames])).toEqual([
      ["tcp", null, ["a.com", "*.b.com"]],
      ["tcp", null, []],
    ])
    expect(example.findings).toEqual([])
  })

  test("a match with a name that is taken on the port is dropped whole, with a warning (8.2 (3))", () => {
    const example = compileExample(
      through + rules("a", rule("a.com")) + rules("b", rule("b.com", "a.com"), rule("c.com")),
    )
    const { filterChains } = listenerOf(example, "0.0.0.0_443")
    expect(filterChains.map(({ serverNames }) => serverNames)).toEqual([["a.com"], ["c.com"]])
    expect(example.findings).toEqual(["P3016 warning VirtualService default/b spec.tls[0].match[0].sniHosts[1]"])
  })

  test("without a rule there is no chain, and without any chain no listener (8.1 (5))", () => {
    const example = compileExample(through)
    expect(example.snapshot.listeners).toEqual([])
    expect(example.findings).toEqual(["P3017 warning Gateway default/edge spec.servers[0]"])
  })

  test("http rules never apply to it (8.2 (6))", () => {
    const example = compileExample(through + virtualService({ hosts: ["a.com"] }))
    expect(example.snapshot.listeners).toEqual([])
  })
})
