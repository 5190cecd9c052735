/** `portcullis test`: route tests of a configuration. */
import { writeFile } from "node:fs/promises"
import { hasErrors } from "../config/diagnostics.ts"
import { renderDiagnostics, summarizeDiagnostics } from "../config/render-diagnostics.ts"
import { readSources } from "../config/sources.ts"
import { readRouteTests } from "../route-tests/read-route-tests.ts"
import { renderResults, resultsJson, resultsJunit, summarizeResults } from "../route-tests/render-results.ts"
import { runRouteTests } from "../route-tests/run-route-tests.ts"
import { readClientCertificates } from "./client-certificate-file.ts"
import { loadOrSay } from "./load-for-command.ts"
import type { TestOptions } from "./options.ts"
import type { Terminal } from "./terminal.ts"

export async function runTests(options: TestOptions, terminal: Terminal): Promise<0 | 1> {
  const sources = await readSources(options.tests, () => Bun.stdin.bytes())
  const tests = readRouteTests(sources.value)
  const clientCertificates = await readClientCertificates(tests.value)
  const diagnostics = [...sources.diagnostics, ...tests.diagnostics, ...clientCertificates.diagnostics]
  if (hasErrors(diagnostics) || tests.value.length === 0) {
    await terminal.err(renderDiagnostics(diagnostics, sources.value, { format: "text", color: terminal.useErrorColor }))
    const what = hasErrors(diagnostics) ? summarizeDiagnostics(diagnostics) : "there is nothing to test"
    await terminal.err(`portcullis test: ${what}\n`)
    return 1
  }
  const loaded = await loadOrSay("test", options, terminal)
  if (loaded === null) return 1
  const results = runRouteTests(tests.value, loaded.snapshot, loaded.credentials, clientCertificates.value)
  await terminal.out(options.output === "json" ? resultsJson(results) : renderResults(results))
  await terminal.err(`portcullis test: ${summarizeResults(results)}\n`)
  const isReported =
    options.junitPath === null || (await writeReport(options.junitPath, resultsJunit(results), terminal))
  return isReported && results.every(({ passed }) => passed) ? 0 : 1
}

async function writeReport(path: string, xml: string, terminal: Terminal): Promise<boolean> {
  try {
    await writeFile(path, xml)
    return true
  } catch (error) {
    await terminal.err(`portcullis: --junit: ${error instanceof Error ? error.message : String(error)}\n`)
    return false
  }
}
