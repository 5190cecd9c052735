import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { SecretReference } from "../compile/snapshot.ts"
import type { SecretResource } from "../config/resources.ts"
import { Secrets } from "./secrets.ts"

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "portcullis-secrets-"))
  await mkdir(join(folder, "shop"))
  await writeFile(join(folder, "shop", "tls.crt"), "certificate")
  await writeFile(join(folder, "shop", "tls.key"), "key")
  await writeFile(join(folder, "shop", "notes.txt"), "nothing")
  await mkdir(join(folder, "odd"))
  await mkdir(join(folder, "odd", "tls.crt"))
  await writeFile(join(folder, "file"), "no folder")
  await mkdir(join(folder, "large"))
  await writeFile(join(folder, "large", "tls.crt"), "x".repeat(1024 * 1024 + 1))
})
afterAll(() => rm(folder, { recursive: true }))

function resource(name: string, namespace: string, body: SecretResource["body"]): SecretResource {
  const locate = () => ({ file: "s.yaml", line: 1, column: 1, endColumn: 1 })
  return { kind: "Secret", metadata: { name, namespace, labels: {}, annotations: {}, creationUnixMs: 0 }, locate, body }
}

const named = (name: string, namespace = "default", isQualified = false): SecretReference => {
  return { kind: "secret", name, namespace, isQualified }
}

/** The keys and where they came from, or the problem. */
function lookUp(secrets: Secrets, reference: SecretReference): unknown {
  const found = secrets.find(reference)
  return "problem" in found ? found.problem : [found.origin, Object.fromEntries(found.data)]
}

describe("Secret resources (Istio semantics sheet 1.11)", () => {
  test("data is base64, stringData is not, and wins", () => {
    const body = { data: { "tls.crt": btoa("a"), "tls.key": btoa("b") }, stringData: { "tls.key": "c" } }
    const secrets = new Secrets([resource("shop", "default", body)], "/nonexistent")
    expect(lookUp(secrets, named("shop"))).toEqual(["Secret default/shop", { "tls.crt": "a", "tls.key": "c" }])
  })

  test("win over the folder", () => {
    const secrets = new Secrets([resource("shop", "default", { stringData: { "tls.crt": "r" } })], folder)
    expect(lookUp(secrets, named("shop"))).toEqual(["Secret default/shop", { "tls.crt": "r" }])
  })

  test("the Gateway's namespace first, then the only other one; several others are ambiguous", () => {
    const inside = (namespace: string) => resource("shop", namespace, { stringData: { "tls.crt": namespace } })
    const own = new Secrets([inside("other"), inside("default")], folder)
    expect(lookUp(own, named("shop"))).toEqual(["Secret default/shop", { "tls.crt": "default" }])
    const other = new Secrets([inside("other")], folder)
    expect(lookUp(other, named("shop"))).toEqual(["Secret other/shop", { "tls.crt": "other" }])
    const several = new Secrets([inside("x"), inside("y")], folder)
    expect(lookUp(several, named("shop"))).toBe(
      'secret "shop" is not in namespace "default", and several others have one: x, y',
    )
  })

  test("a written namespace is the only one", () => {
    const secrets = new Secrets([resource("lost", "other", { stringData: { "tls.crt": "x" } })], "/nonexistent")
    expect(lookUp(secrets, named("lost", "team", true))).toContain('there is no secret "lost"')
  })
})

describe("--secrets", () => {
  test("a folder of the credential's name; files that mean nothing are not read", () => {
    const secrets = new Secrets([], folder)
    const data = { "tls.crt": "certificate", "tls.key": "key" }
    expect(lookUp(secrets, named("shop"))).toEqual([join(folder, "shop"), data])
  })

  test.each(["..", "../shop", "a/../shop", ".", "", "shop/", "/etc", "a\0b"])("%j is no name of a secret", (name) => {
    expect(lookUp(new Secrets([], folder), named(name))).toBe(`"${name}" is not the name of a secret`)
  })

  test("what is missing or odd is a problem in words", () => {
    const secrets = new Secrets([], folder)
    expect(lookUp(secrets, named("lost"))).toBe(
      `there is no secret "lost": no such Secret, and no folder "${join(folder, "lost")}"`,
    )
    expect(lookUp(secrets, named("file"))).toContain("there is no secret")
    expect(lookUp(secrets, named("odd"))).toBe(`"${join(folder, "odd", "tls.crt")}" is not a file`)
    expect(lookUp(secrets, named("large"))).toBe(`"${join(folder, "large", "tls.crt")}" is larger than 1048576 bytes`)
    expect(secrets.readFile("")).toEqual({ problem: "no file is named" })
    expect(secrets.readFile(join(folder, "lost"))).toEqual({ problem: `there is no file "${join(folder, "lost")}"` })
  })
})
