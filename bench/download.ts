/** One large download through a proxy, by curl: a process of its own, so that the bench itself does not slow it down. */
import { findProgram } from "./proxies/proxy.ts"

/** Downloads the upstream's body with curl, discards it, and returns its length; NaN when that fails. */
export async function download(port: number, host: string): Promise<number> {
  const url = `http://127.0.0.1:${port}/api/body`
  const options = ["--silent", "--fail", "--output", "/dev/null", "--write-out", "%{size_download}"]
  const run = Bun.spawn([findProgram("curl") ?? "curl", ...options, "--header", `Host: ${host}`, url], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "ignore",
  })
  const size = Number(await run.stdout.text())
  return (await run.exited) === 0 ? size : Number.NaN
}
