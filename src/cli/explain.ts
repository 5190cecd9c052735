/** `portcullis explain`: what becomes of a request, and why. */
import { Explainer } from "../explain/explainer.ts"
import { renderExplanation } from "../explain/render-explanation.ts"
import { loadSnapshotOrSay } from "./load-for-command.ts"
import type { ExplainOptions } from "./options.ts"
import type { Terminal } from "./terminal.ts"

export async function explain(options: ExplainOptions, terminal: Terminal): Promise<0 | 1> {
  const snapshot = await loadSnapshotOrSay("explain", options, terminal)
  if (snapshot === null) return 1
  const explanation = new Explainer(snapshot).explain(options.request)
  // The options' own parser has refused what is no URL.
  if ("error" in explanation) return 1
  await terminal.out(
    options.output === "json" ? `${JSON.stringify(explanation, null, 2)}\n` : renderExplanation(explanation),
  )
  return 0
}
