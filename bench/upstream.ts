/**
 * The service behind every proxy: nginx, answering `/api/` with 357 bytes of JSON and `/api/body` with zeros of any length.
 *
 * The body is a sparse file that nginx sends with sendfile(2): it costs no disk and hardly any CPU, so that the proxy is what is slow.
 */
import { chmod, mkdir, open } from "node:fs/promises"
import { join } from "node:path"
import { answers, findFreePort, type MeasuredProcess, startProcess } from "./measured-process.ts"
import { prepareNginx } from "./proxies/nginx.ts"

export interface Upstream {
  readonly port: number
  stop(): Promise<void>
}

/** 357 bytes, the size of a small JSON answer. */
export const upstreamJson = JSON.stringify({
  id: "lantern",
  name: "Gatehouse lantern",
  category: "lighting",
  priceCents: 4900,
  currency: "EUR",
  inStock: 12,
  description:
    "A hand-soldered brass lantern with four panes of seeded glass. It burns lamp oil or a tea light, hangs from a hook or stands by itself, and keeps a steady flame in a draughty passage, come wind or rain.",
  tags: ["brass", "glass"],
})

/** Starts the upstream in `folder`; `/api/body` is `bodyBytes` long. */
export async function startUpstream(folder: string, bodyBytes: number): Promise<Upstream> {
  const root = join(folder, "upstream")
  await mkdir(root, { recursive: true })
  await chmod(root, 0o755)
  const file = await open(join(root, "body"), "w", 0o644)
  await file.truncate(bodyBytes)
  await file.close()
  const port = await findFreePort()
  const command = await prepareNginx(
    root,
    `  default_type application/json;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location = /api/body { default_type application/octet-stream; alias ${join(root, "body")}; }
    location /api/ { return 200 '${upstreamJson}'; }
  }`,
  )
  const process: MeasuredProcess = await startProcess(command, () => answers(port, "upstream", "/api/ready"))
  return { port, stop: () => process.stop() }
}
