/** How long the single binary takes from being started to answering its first request, with the demo configuration. */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { findFreePort } from "../measured-process.ts"
import { portcullisCommand } from "../proxies/portcullis.ts"
import type { Scenario } from "../scenario.ts"
import { median } from "../statistics.ts"

const projectFolder = join(import.meta.dir, "../..")
const answerDeadlineMs = 30_000
const pollMs = 1

interface StartSample {
  /** From the spawn to the line `portcullis ready: …`. */
  readonly readyLineMs: number
  /** From the spawn to the first 200. */
  readonly firstAnswerMs: number
}

export const startUp: Scenario = {
  name: "start",
  title: "Start of the single binary with the demo: from spawn to serving",
  async run(context) {
    const [binary = ""] = portcullisCommand(true)
    const columns = ["", "ready line ms", "first 200 ms"]
    if (!existsSync(binary)) {
      return { columns, rows: [], figures: [], remarks: ["there is no dist/portcullis: run `bun run build` first"] }
    }
    const samples: StartSample[] = []
    const rounds = context.quick ? 3 : 15
    // The first start reads the binary from disk; it is not counted.
    for (let round = 0; round <= rounds; round++) {
      context.progress(round === 0 ? "warm-up" : `round ${round} of ${rounds}`)
      const sample = await measureStart(binary)
      if (round > 0) samples.push(sample)
    }
    const readyLineMs = median(samples.map((sample) => sample.readyLineMs))
    const firstAnswerMs = median(samples.map((sample) => sample.firstAnswerMs))
    return {
      columns,
      rows: [["dist/portcullis", readyLineMs.toFixed(0), firstAnswerMs.toFixed(0)]],
      figures: [{ what: "start to first answer", value: firstAnswerMs, unit: "ms", bar: 150, aim: 60 }],
      remarks: [],
    }
  },
}

async function measureStart(binary: string): Promise<StartSample> {
  const port = await findFreePort()
  const files = ["-f", join(projectFolder, "routes.yaml"), "--secrets", join(projectFolder, "certs")]
  const quiet = ["--access-log", "off", "--admin", "off", "--status-port", "off", "--no-watch"]
  const startedAtMs = performance.now()
  const child = Bun.spawn(
    [binary, "run", "--demo", ...files, "--port-map", `80=${port}`, "--bind", "127.0.0.1", ...quiet],
    {
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
    },
  )
  try {
    const [readyAtMs, answeredAtMs] = await Promise.all([
      waitForReadyLine(child.stderr),
      waitForAnswer(port, startedAtMs + answerDeadlineMs),
    ])
    return { readyLineMs: readyAtMs - startedAtMs, firstAnswerMs: answeredAtMs - startedAtMs }
  } finally {
    child.kill("SIGKILL")
    await child.exited
  }
}

async function waitForReadyLine(output: ReadableStream<Uint8Array>): Promise<number> {
  const decoder = new TextDecoder()
  let text = ""
  for await (const chunk of output) {
    text += decoder.decode(chunk, { stream: true })
    if (text.includes("portcullis ready:")) return performance.now()
  }
  throw new Error(`the binary ended before it was ready: ${text.trim()}`)
}

async function waitForAnswer(port: number, deadlineAtMs: number): Promise<number> {
  while (performance.now() < deadlineAtMs) {
    try {
      const response = await fetch(`http://127.0.0.1:${port}/healthz`)
      if (response.status === 200) return performance.now()
      throw new Error(`the first answer was ${response.status}`)
    } catch (failure) {
      // Refused connections are expected until it listens.
      if (failure instanceof Error && failure.message.startsWith("the first answer")) throw failure
      await Bun.sleep(pollMs)
    }
  }
  throw new Error("the binary did not answer in time")
}
