/** `portcullis explain`: what becomes of a request, and why. */
import { Explainer } from "../explain/explainer.ts"
import { renderExplanation } from "../explain/render-explanation.ts"
import { readClientCertificateFile } from "./client-certificate-file.ts"
import { loadOrSay } from "./load-for-command.ts"
import type { ExplainOptions } from "./options.ts"
import type { Terminal } from "./terminal.ts"
import { renderUsageError, usageError } from "./usage-error.ts"

export async function explain(options: ExplainOptions, terminal: Terminal): Promise<0 | 1 | 2> {
  const path = options.clientCertificatePath
  const clientCertificate = path === null ? { pem: "" } : await readClientCertificateFile(path)
  if ("error" in clientCertificate) return refuse(`--client-cert: ${clientCertificate.error}`, terminal)
  const loaded = await loadOrSay("explain", options, terminal)
  if (loaded === null) return 1
  const request = { ...options.request, clientCertificatePem: clientCertificate.pem }
  const explanation = new Explainer(loaded.snapshot, loaded.credentials).explain(request)
  if ("error" in explanation) return refuse(explanation.error, terminal)
  await terminal.out(
    options.output === "json" ? `${JSON.stringify(explanation, null, 2)}\n` : renderExplanation(explanation),
  )
  return 0
}

async function refuse(message: string, terminal: Terminal): Promise<2> {
  await terminal.err(renderUsageError(usageError(message, "see portcullis explain --help")))
  return 2
}
