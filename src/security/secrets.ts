/**
 * Finds what a Gateway calls a credential: a `Secret` resource, or a folder of its name under `--secrets`
 * (Istio semantics sheet 1.11; Istio `pilot/pkg/credentials/kube/secrets.go`). The only file of this room that reads the
 * disk, at start and when something changed, and small files at that: so it just reads. Everything that cannot be had is a
 * problem in words, never an exception.
 */
import { readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import type { SecretReference } from "../compile/snapshot.ts"
import type { SecretResource } from "../config/resources.ts"

/** Keys of one Secret to their texts. */
export type SecretData = ReadonlyMap<string, string>

export interface FoundSecret {
  readonly data: SecretData
  /** For messages: `Secret default/shop-cert`, `certs/shop-cert`. */
  readonly origin: string
}

export interface NotFound {
  readonly problem: string
}

/** Larger files are no certificates. */
const FILE_BYTES_MAX = 1024 * 1024

/** Every key that means something; generic names and those of kubernetes.io/tls. */
const knownKeys = ["tls.crt", "tls.key", "ca.crt", "ca.crl", "cert", "key", "cacert", "crl"]

/** A Secret's name may become a folder's name: no `..`, no slash. */
const secretName = /^[A-Za-z0-9](?:[-._A-Za-z0-9]*[A-Za-z0-9])?$/

export class Secrets {
  /** By name, then namespace. */
  readonly #byName: ReadonlyMap<string, ReadonlyMap<string, SecretResource>>
  readonly #folder: string

  /** @param folder of `--secrets`; need not exist */
  constructor(resources: readonly SecretResource[], folder: string) {
    const byName = new Map<string, Map<string, SecretResource>>()
    for (const resource of resources) {
      const { name, namespace } = resource.metadata
      const sameName = byName.get(name) ?? new Map<string, SecretResource>()
      sameName.set(namespace, resource)
      byName.set(name, sameName)
    }
    this.#byName = byName
    this.#folder = folder
  }

  /** Resources win over the folder; the reference's namespace over any other, and another only where there is one. */
  find(reference: SecretReference): FoundSecret | NotFound {
    const { name, namespace, isQualified } = reference
    const sameName = this.#byName.get(name)
    const own = sameName?.get(namespace)
    if (own !== undefined) return foundResource(own)
    if (!isQualified && sameName !== undefined) {
      const [only, ...others] = sameName.values()
      if (only !== undefined && others.length === 0) return foundResource(only)
      const namespaces = [...sameName.keys()].join(", ")
      return {
        problem: `secret "${name}" is not in namespace "${namespace}", and several others have one: ${namespaces}`,
      }
    }
    return this.#findFolder(name)
  }

  /** A file that a Gateway names by its path. */
  readFile(path: string): { readonly text: string } | NotFound {
    if (path === "") return { problem: "no file is named" }
    try {
      const status = statSync(path)
      if (!status.isFile()) return { problem: `"${path}" is not a file` }
      if (status.size > FILE_BYTES_MAX) return { problem: `"${path}" is larger than ${FILE_BYTES_MAX} bytes` }
      return { text: readFileSync(path, "utf8") }
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : "unknown reason"
      return { problem: code === "ENOENT" ? `there is no file "${path}"` : `"${path}" cannot be read: ${code}` }
    }
  }

  #findFolder(name: string): FoundSecret | NotFound {
    if (!secretName.test(name)) return { problem: `"${name}" is not the name of a secret` }
    const folder = join(this.#folder, name)
    if (!isFolder(folder)) return { problem: `there is no secret "${name}": no such Secret, and no folder "${folder}"` }
    const data = new Map<string, string>()
    for (const key of knownKeys) {
      const read = this.readFile(join(folder, key))
      if ("text" in read) data.set(key, read.text)
      else if (!read.problem.startsWith("there is no file")) return read
    }
    return { data, origin: folder }
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    // Not there, or not ours to see: no secret either way.
    return false
  }
}

/** `stringData` wins over `data`, as in Kubernetes. */
function foundResource({ metadata, body }: SecretResource): FoundSecret {
  const data = new Map<string, string>()
  for (const [key, value] of Object.entries(body.data ?? {}))
    data.set(key, Buffer.from(value, "base64").toString("utf8"))
  for (const [key, value] of Object.entries(body.stringData ?? {})) data.set(key, value)
  return { data, origin: `Secret ${metadata.namespace}/${metadata.name}` }
}
