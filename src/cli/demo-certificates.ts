/**
 * The demo's own certificates, made on its first start: a private key in version control is one that everybody has.
 * Nothing is made where a configuration asks for none of them, or where the folder has anything of them already.
 */
import { existsSync } from "node:fs"
import { join } from "node:path"
import type { Log } from "../telemetry/log.ts"
import { planDevelopmentPki, writeFiles } from "./certs.ts"
import type { ConfigurationLoader, LoadedConfiguration } from "./load-snapshot.ts"

/** The HTTPS hosts of routes.yaml; each names its certificate by itself. */
const demoHosts: readonly string[] = ["shop.example.com", "partners.example.com"]

/** Loads; makes what the demo lacks, and loads again. */
export async function loadWithDemoCertificates(
  loader: ConfigurationLoader,
  secretsFolder: string,
  log: Log,
): Promise<LoadedConfiguration> {
  const loaded = await loader.load()
  if (!lacksDemoCertificate(loaded)) return loaded
  const files = await planDevelopmentPki(demoHosts, Date.now())
  if (files.some(({ path }) => existsSync(join(secretsFolder, path)))) return loaded
  const failure = await writeFiles(secretsFolder, files)
  if (failure !== "") {
    log.warn("the demo's certificates cannot be written", { folder: secretsFolder, reason: failure })
    return loaded
  }
  log.info("made certificates for the demo", { folder: secretsFolder, hosts: demoHosts.join(",") })
  return loader.load()
}

function lacksDemoCertificate({ credentials }: LoadedConfiguration): boolean {
  return [...credentials].some(
    ([{ tls }, { material }]) =>
      material === null &&
      tls !== null &&
      tls.certificates.some((reference) => reference.kind === "secret" && demoHosts.includes(reference.name)),
  )
}
