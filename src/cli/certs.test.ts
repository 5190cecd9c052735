import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { X509Certificate } from "node:crypto"
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { requireTool } from "../../test/peer-tools.ts"
import { folderOfHost } from "./certs.ts"
import { runToEnd } from "./cli-process.fixture.ts"

const openssl = requireTool("openssl")

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "portcullis-certs-"))
})
afterAll(() => rm(folder, { recursive: true }))

const certs = (...args: readonly string[]) => runToEnd(["certs", ...args], { cwd: folder })

describe("certs dev", () => {
  test("writes a PKI that --secrets reads as it is, each path on stdout, keys for their owner alone", async () => {
    const run = await certs(
      "dev",
      "--out",
      "one",
      "--host",
      "shop.example.com",
      "--host",
      "*.wild.example.com,10.0.0.1",
    )
    expect(run.code).toBe(0)
    const expected = [
      "ca/ca.crt",
      "ca/intermediate.crt",
      ...["shop.example.com", "wildcard.wild.example.com", "10.0.0.1"].flatMap((host) =>
        ["tls.crt", "tls.key", "ca.crt"].map((file) => `${host}/${file}`),
      ),
      "client/tls.crt",
      "client/tls.key",
    ].map((path) => `one/${path}`)
    expect(run.stdout.trimEnd().split("\n")).toEqual(expected)
    expect(run.stderr).toContain("credentialName: shop.example.com")
    for (const path of expected) {
      const { mode } = await stat(join(folder, path))
      expect([path, mode & 0o777]).toEqual([path, path.endsWith(".key") ? 0o600 : 0o644])
    }
    const certificate = new X509Certificate(await readFile(join(folder, "one/wildcard.wild.example.com/tls.crt")))
    expect([certificate.subjectAltName, certificate.publicKey.asymmetricKeyDetails?.namedCurve]).toEqual([
      "DNS:*.wild.example.com",
      "prime256v1",
    ])
  })

  test.skipIf(openssl.path === null)(openssl.named("openssl verifies every certificate for its purpose"), async () => {
    expect((await certs("dev", "--out", "verified")).code).toBe(0)
    const path = (name: string) => join(folder, "verified", name)
    for (const [name, purpose] of [
      ["localhost/tls.crt", "sslserver"],
      ["client/tls.crt", "sslclient"],
    ] as const) {
      const chain = ["-CAfile", path("ca/ca.crt"), "-untrusted", path("ca/intermediate.crt")]
      const command = [openssl.path ?? "", "verify", "-x509_strict", "-purpose", purpose, ...chain, path(name)]
      const run = Bun.spawn(command, { stdout: "pipe", stderr: "pipe" })
      expect((await run.stdout.text()) + (await run.stderr.text())).toBe(`${path(name)}: OK\n`)
    }
  })

  test("never overwrites without --force, and then all of it", async () => {
    expect((await certs("dev", "--out", "kept")).code).toBe(0)
    const before = await readFile(join(folder, "kept/ca/ca.crt"), "utf8")
    const refused = await certs("dev", "--out", "kept", "--host", "other.example.com")
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain("already there, nothing was written:\n  kept/ca/ca.crt\n")
    expect(refused.stderr).toContain("hint: --force replaces them")
    expect(await readFile(join(folder, "kept/ca/ca.crt"), "utf8")).toBe(before)
    expect(await readdir(join(folder, "kept"))).not.toContain("other.example.com")
    expect((await certs("dev", "--out", "kept", "--force")).code).toBe(0)
    expect(await readFile(join(folder, "kept/ca/ca.crt"), "utf8")).not.toBe(before)
  })

  test("a folder that cannot be written is said, exit 1", async () => {
    await writeFile(join(folder, "file"), "")
    const run = await certs("dev", "--out", "file")
    expect(run.code).toBe(1)
    expect(run.stderr).toStartWith("portcullis certs dev: ")
  })

  test.each([
    [[], "certs makes one thing only: dev"],
    [["prod"], "certs makes one thing only: dev"],
    [["dev", "--host", "a b"], '--host: "a b" is neither a host name nor an IP address'],
    [["dev", "--host", "../x"], '--host: "../x" is neither a host name nor an IP address'],
    [["dev", "--out", ""], "--out: the folder is empty"],
  ])("wrong usage: %j", async (args, message) => {
    const run = await certs(...args)
    expect([run.code, run.stderr.split("\n")[0]]).toEqual([2, `portcullis: ${message}`])
  })
})

test("a wildcard and an IPv6 address become folder names that a credentialName can be", () => {
  expect(["*.A.example", "2001:db8::1", "a.example"].map(folderOfHost)).toEqual([
    "wildcard.a.example",
    "2001-db8--1",
    "a.example",
  ])
})
