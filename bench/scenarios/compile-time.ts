/** How long 10,000 VirtualServices of two rules take from file to Snapshot, reading and compiling told apart. */
import { join } from "node:path"
import { z } from "zod"
import { virtualServiceDocuments } from "../gateway-configuration.ts"
import { benchHosts } from "../proxies/proxy.ts"
import type { Scenario } from "../scenario.ts"
import { median } from "../statistics.ts"

const virtualServiceCount = 10_000

/** What compile-time-process.ts prints. */
const sampleSchema = z.object({ loadMs: z.number(), compileMs: z.number(), peakResidentBytes: z.number() })

export const compileTime: Scenario = {
  name: "compile",
  title: `Loading and compiling ${virtualServiceCount} VirtualServices of 2 rules each, in a fresh process`,
  async run(context) {
    const file = join(context.folder, "many.yaml")
    const yaml = virtualServiceDocuments({ port: 8080, upstreamPort: 8081, hosts: benchHosts(virtualServiceCount) })
    await Bun.write(file, yaml)
    const columns = ["configuration", "load ms", "compile ms", "peak RSS MB"]
    const samples: z.output<typeof sampleSchema>[] = []
    const rounds = context.quick ? 1 : 7
    for (let round = 1; round <= rounds; round++) {
      context.progress(`round ${round} of ${rounds}`)
      const run = Bun.spawn([process.execPath, join(import.meta.dir, "compile-time-process.ts"), file], {
        stdin: "ignore",
        stdout: "pipe",
        stderr: "pipe",
      })
      const [output, problems] = await Promise.all([run.stdout.text(), run.stderr.text()])
      if ((await run.exited) !== 0) {
        return { columns, rows: [], figures: [], remarks: [`compiling failed: ${problems.trim().slice(0, 2_000)}`] }
      }
      samples.push(sampleSchema.parse(JSON.parse(output)))
    }
    const loadMs = median(samples.map((sample) => sample.loadMs))
    const compileMs = median(samples.map((sample) => sample.compileMs))
    const peakBytes = median(samples.map((sample) => sample.peakResidentBytes))
    const size = `${(yaml.length / 1e6).toFixed(1)} MB of YAML`
    return {
      columns,
      rows: [[size, loadMs.toFixed(0), compileMs.toFixed(0), (peakBytes / 1e6).toFixed(0)]],
      figures: [
        { what: "load 10,000 VirtualServices", value: loadMs, unit: "ms", bar: 1_500, aim: 750 },
        { what: "compile 10,000 VirtualServices", value: compileMs, unit: "ms", bar: 1_500, aim: 500 },
      ],
      remarks: [],
    }
  },
}
