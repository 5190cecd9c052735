/** `portcullis certs dev`: a development PKI as files, laid out so that `--secrets DIR` reads it as it is. */
import { mkdir, stat, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { DevelopmentPki } from "../security/development-pki.ts"
import type { CertsOptions } from "./options.ts"
import type { Terminal } from "./terminal.ts"

export interface PlannedFile {
  /** Below the folder. */
  readonly path: string
  readonly text: string
  /** Readable by its owner alone. */
  readonly isPrivate: boolean
}

/** The folders beside those of the hosts. */
const authorityFolder = "ca"
const clientFolder = "client"

export async function certsDev(options: CertsOptions, terminal: Terminal): Promise<0 | 1> {
  const files = await planDevelopmentPki(options.hosts, Date.now())
  const existing = await existingFiles(options.outFolder, files)
  if (existing.length > 0 && !options.force) {
    const list = existing.map((path) => `  ${path}\n`).join("")
    await terminal.err(
      `portcullis certs dev: already there, nothing was written:\n${list}  hint: --force replaces them, and what they signed is worthless then\n`,
    )
    return 1
  }
  const failure = await writeFiles(options.outFolder, files)
  if (failure !== "") {
    await terminal.err(`portcullis certs dev: ${failure}\n`)
    return 1
  }
  await terminal.out(files.map(({ path }) => `${join(options.outFolder, path)}\n`).join(""))
  await terminal.err(tryText(options))
  return 0
}

/** Everything that is written; the authorities' keys are not. */
export async function planDevelopmentPki(hosts: readonly string[], nowUnixMs: number): Promise<readonly PlannedFile[]> {
  const pki = await DevelopmentPki.create(nowUnixMs)
  const files: PlannedFile[] = [
    { path: `${authorityFolder}/ca.crt`, text: pki.rootPem, isPrivate: false },
    { path: `${authorityFolder}/intermediate.crt`, text: pki.intermediatePem, isPrivate: false },
  ]
  for (const host of hosts) {
    const folder = folderOfHost(host)
    const issued = await pki.issue({ commonName: host, subjectAltNames: [host], purpose: "server" })
    files.push(
      { path: `${folder}/tls.crt`, text: issued.certificatePem, isPrivate: false },
      { path: `${folder}/tls.key`, text: issued.privateKeyPem, isPrivate: true },
      // For mutual TLS: the client below is one that this authority vouches for.
      { path: `${folder}/ca.crt`, text: pki.rootPem, isPrivate: false },
    )
  }
  const client = await pki.issue({
    commonName: "client",
    subjectAltNames: ["client.dev.internal", "spiffe://dev.internal/client"],
    purpose: "client",
  })
  files.push(
    { path: `${clientFolder}/tls.crt`, text: client.certificatePem, isPrivate: false },
    { path: `${clientFolder}/tls.key`, text: client.privateKeyPem, isPrivate: true },
  )
  return files
}

/** What a Gateway writes as `credentialName`: `*.example.com` is `wildcard.example.com`. */
export function folderOfHost(host: string): string {
  return host.replace(/^\*/, "wildcard").replaceAll(":", "-").toLowerCase()
}

/** @returns what went wrong, as text; "" = everything is written. */
export async function writeFiles(folder: string, files: readonly PlannedFile[]): Promise<string> {
  try {
    for (const { path, text, isPrivate } of files) {
      const whole = join(folder, path)
      await mkdir(dirname(whole), { recursive: true })
      await writeFile(whole, text, { mode: isPrivate ? 0o600 : 0o644 })
    }
    return ""
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

async function existingFiles(folder: string, files: readonly PlannedFile[]): Promise<readonly string[]> {
  const existing: string[] = []
  for (const { path } of files) {
    const whole = join(folder, path)
    const isThere = await stat(whole).then(
      () => true,
      // Not there, or not to be seen: writing will tell.
      () => false,
    )
    if (isThere) existing.push(whole)
  }
  return existing
}

function tryText({ outFolder, hosts }: CertsOptions): string {
  const [host = "localhost"] = hosts
  const file = (path: string) => join(outFolder, path)
  return `For a Gateway server:
  tls: { mode: SIMPLE, credentialName: ${folderOfHost(host)} }   # or mode: MUTUAL
and, with the gateway's port 443 bound as 8443:
  portcullis run --secrets ${outFolder} --port-map 443=8443
  curl --cacert ${file("ca/ca.crt")} --resolve ${host}:8443:127.0.0.1 https://${host}:8443/
  curl --cacert ${file("ca/ca.crt")} --cert ${file("client/tls.crt")} --key ${file("client/tls.key")} --resolve ${host}:8443:127.0.0.1 https://${host}:8443/
`
}
