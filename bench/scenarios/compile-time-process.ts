/** The process that `compile-time.ts` starts: loads the file named on its command line, compiles it, prints the figures as JSON. */
import { compile } from "../../src/compile/compile.ts"
import { hasErrors } from "../../src/config/diagnostics.ts"
import { loadConfiguration } from "../../src/config/load-configuration.ts"
import { readPeakResidentBytes } from "../process-usage.ts"

const startedAtMs = performance.now()
const loaded = await loadConfiguration([process.argv[2] ?? ""])
const loadedAtMs = performance.now()
const compiled = compile(loaded.resources, { portMap: new Map(), dnsFallback: true, demoServices: [], selector: null })
const compiledAtMs = performance.now()

const diagnostics = [...loaded.diagnostics, ...compiled.diagnostics]
if (hasErrors(diagnostics)) {
  console.error(diagnostics[0]?.message)
  process.exit(1)
}
console.log(
  JSON.stringify({
    loadMs: loadedAtMs - startedAtMs,
    compileMs: compiledAtMs - loadedAtMs,
    peakResidentBytes: readPeakResidentBytes(process.pid),
  }),
)
