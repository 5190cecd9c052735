import { afterEach, beforeEach, expect, test } from "bun:test"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { ConfigurationLoader } from "./load-snapshot.ts"

let folder = ""

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "portcullis-load-"))
})

afterEach(() => rm(folder, { recursive: true }))

function loaderOf(files: readonly string[]): ConfigurationLoader {
  const options = { files, secretsDir: folder, portMap: new Map(), selector: null, locality: "" }
  return new ConfigurationLoader({ ...options, dnsFallback: false, demo: false }, [])
}

const gateway = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge}
spec: {servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]}`

// Read again, it would never end: nobody writes any more. One without a name, as `-f <(helm template)`, would be empty.
test.skipIf(process.platform === "win32")("a reload has what a pipe held at the first load", async () => {
  const pipe = join(folder, "routes.yaml")
  expect(Bun.spawnSync(["mkfifo", pipe]).exitCode).toBe(0)
  const writer = Bun.spawn(["sh", "-c", `printf '%s' "$1" > "$2"`, "sh", gateway, pipe])
  const loader = loaderOf([pipe])
  const first = await loader.load()
  expect(await writer.exited).toBe(0)
  const second = await loader.load()
  expect([first, second].map(({ snapshot }) => snapshot?.listeners.map(({ name }) => name))).toEqual([
    ["0.0.0.0_80"],
    ["0.0.0.0_80"],
  ])
})
