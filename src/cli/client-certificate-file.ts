/** The file with a client's certificate that `explain --client-cert` and route tests name. Its key is not needed. */
import { readFile } from "node:fs/promises"
import type { Diagnosed, Diagnostic } from "../config/diagnostics.ts"
import { readCertificates } from "../explain/client-identity.ts"
import type { LocatedRouteTest } from "../route-tests/read-route-tests.ts"

export type ClientCertificateFile = { readonly pem: string } | { readonly error: string; readonly isMissing: boolean }

export async function readClientCertificateFile(path: string): Promise<ClientCertificateFile> {
  let pem: string
  try {
    pem = await readFile(path, "utf8")
  } catch (error) {
    const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT"
    const reason = error instanceof Error ? error.message : String(error)
    return { error: isMissing ? `there is no file ${path}` : `${path} cannot be read: ${reason}`, isMissing }
  }
  const certificates = readCertificates(pem)
  return "error" in certificates ? { error: `${path}: ${certificates.error}`, isMissing: false } : { pem }
}

/** Each file once, by its path. What cannot be read is an error at the test that names it. */
export async function readClientCertificates(
  tests: readonly LocatedRouteTest[],
): Promise<Diagnosed<ReadonlyMap<string, string>>> {
  const read = new Map<string, ClientCertificateFile>()
  const diagnostics: Diagnostic[] = []
  for (const { file, clientCertificate } of tests) {
    if (clientCertificate === null) continue
    const { path, place } = clientCertificate
    const certificate = read.get(path) ?? (await readClientCertificateFile(path))
    read.set(path, certificate)
    if ("pem" in certificate) continue
    const code = certificate.isMissing ? "P4001" : "P4002"
    const hint = "the path is relative to the test file; portcullis certs dev makes a client certificate"
    diagnostics.push({ severity: "error", code, message: certificate.error, hint, file, resource: "", ...place })
  }
  const value = new Map([...read].flatMap(([path, file]) => ("pem" in file ? [[path, file.pem] as const] : [])))
  return { value, diagnostics }
}
