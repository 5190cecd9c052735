/** `credentialName` of a DestinationRule (Istio semantics sheet 6.7, 1.11). */
import { expect, test } from "bun:test"
import { parseResources } from "../config/parse-resources.ts"
import { Secrets } from "./secrets.ts"
import { findUpstreamSecret } from "./upstream-secret.ts"

function secretsOf(...secrets: readonly (readonly [name: string, namespace: string, data: object])[]): Secrets {
  const documents = secrets.map(([name, namespace, stringData]) =>
    JSON.stringify({ apiVersion: "v1", kind: "Secret", metadata: { name, namespace }, stringData }),
  )
  const { value } = parseResources([{ path: "secrets.yaml", text: documents.join("\n---\n") }])
  return new Secrets(
    value.filter((resource) => resource.kind === "Secret"),
    "/nowhere",
  )
}

test("the keys of kubernetes.io/tls", () => {
  const data = { "tls.crt": "C", "tls.key": "K", "ca.crt": "A", "ca.crl": "R" }
  expect(findUpstreamSecret(secretsOf(["api", "default", data]), "api", "default")).toEqual({
    certificatePem: "C",
    privateKeyPem: "K",
    authoritiesPem: "A",
    revocationListPem: "R",
  })
})

test("generic keys win", () => {
  const data = { "tls.crt": "-", "tls.key": "-", "ca.crt": "-", cert: "C", key: "K", cacert: "A", crl: "R" }
  expect(findUpstreamSecret(secretsOf(["api", "default", data]), "api", "default")).toEqual({
    certificatePem: "C",
    privateKeyPem: "K",
    authoritiesPem: "A",
    revocationListPem: "R",
  })
})

test("authorities may live in NAME-cacert, alone or beside NAME", () => {
  const beside = secretsOf(
    ["api", "default", { "tls.crt": "C", "tls.key": "K" }],
    ["api-cacert", "default", { cacert: "A" }],
  )
  expect(findUpstreamSecret(beside, "api", "default")).toMatchObject({ certificatePem: "C", authoritiesPem: "A" })
  const alone = secretsOf(["api-cacert", "default", { cacert: "A" }])
  expect(findUpstreamSecret(alone, "api", "default")).toMatchObject({ certificatePem: "", authoritiesPem: "A" })
})

test("the rule's namespace first, another one where it is the only one", () => {
  const two = secretsOf(["api", "default", { cacert: "A" }], ["api", "prod", { cacert: "B" }])
  expect(findUpstreamSecret(two, "api", "prod")?.authoritiesPem).toBe("B")
  expect(findUpstreamSecret(two, "api", "test")).toBeNull()
  expect(findUpstreamSecret(secretsOf(["api", "prod", { cacert: "B" }]), "api", "test")?.authoritiesPem).toBe("B")
})

test("no secret is null", () => {
  expect(findUpstreamSecret(secretsOf(), "api", "default")).toBeNull()
})
