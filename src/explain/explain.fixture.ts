/** Explanations for tests: YAML in, an explanation out. */
import { compile } from "../compile/compile.ts"
import type { Snapshot } from "../compile/snapshot.ts"
import { hasErrors } from "../config/diagnostics.ts"
import { parseResources } from "../config/parse-resources.ts"
import { renderDiagnostics } from "../config/render-diagnostics.ts"
import { Explainer } from "./explainer.ts"
import type { Explanation } from "./explanation.ts"
import type { RequestHeader, RequestToExplain } from "./request-to-explain.ts"

/** Throws the diagnostics of what does not compile. @param ports as of `--port-map` */
export function snapshotOf(yaml: string, ports: ReadonlyMap<number, number> = new Map()): Snapshot {
  const files = [{ path: "test.yaml", text: yaml }]
  const parsed = parseResources(files)
  const compiled = compile(parsed.value, { portMap: ports, dnsFallback: false, demoServices: [], selector: null })
  const diagnostics = [...parsed.diagnostics, ...compiled.diagnostics]
  if (hasErrors(diagnostics)) throw new Error(renderDiagnostics(diagnostics, files, { format: "text", color: false }))
  return compiled.value
}

export function requestTo(url: string, ...headers: readonly string[]): RequestToExplain {
  return {
    method: "GET",
    url,
    headers: headers.map(headerOf),
    serverName: null,
    gateway: null,
    clientCertificatePem: "",
  }
}

function headerOf(line: string): RequestHeader {
  const [name = "", ...value] = line.split(": ")
  return { name, value: value.join(": ") }
}

export function explained(snapshot: Snapshot, request: RequestToExplain): Explanation {
  const explanation = new Explainer(snapshot).explain(request)
  if ("error" in explanation) throw new Error(explanation.error)
  return explanation
}
