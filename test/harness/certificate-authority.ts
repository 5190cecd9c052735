/**
 * Certificates for one test, made with openssl so that nobody but a foreign program has an opinion on them. ECDSA P-256.
 *
 * ```ts
 * using authority = CertificateAuthority.create()
 * const server = authority.issue({ subjectAltName: "DNS:shop.example" })
 * ```
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { requireTool } from "../peer-tools.ts"

export const openssl = requireTool("openssl")

export interface IssuedCertificate {
  readonly certificateFile: string
  readonly privateKeyFile: string
  readonly certificatePem: string
  readonly privateKeyPem: string
}

export interface CertificateRequest {
  /** As openssl writes it: `DNS:a.example,IP:127.0.0.1,URI:spiffe://td/ns/a/sa/b`; "" = none. */
  readonly subjectAltName: string
  readonly commonName?: string
  /** Negative: it has expired. Default: 2. */
  readonly days?: number
}

const ecKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]

export class CertificateAuthority implements Disposable {
  readonly folder: string
  /** The root's certificate. */
  readonly certificateFile: string
  readonly certificatePem: string
  readonly #keyFile: string
  #count = 0

  static create(): CertificateAuthority {
    return new CertificateAuthority(mkdtempSync(join(tmpdir(), "portcullis-ca-")))
  }

  private constructor(folder: string) {
    this.folder = folder
    this.certificateFile = join(folder, "root.pem")
    this.#keyFile = join(folder, "root.key")
    const subject = ["-subj", "/CN=Test Root", "-days", "2"]
    run(["req", "-x509", ...ecKey, "-keyout", this.#keyFile, "-out", this.certificateFile, ...subject])
    this.certificatePem = readFileSync(this.certificateFile, "utf8")
  }

  issue(request: CertificateRequest): IssuedCertificate {
    const base = join(this.folder, `leaf-${this.#count++}`)
    const { subjectAltName, commonName = "leaf", days = 2 } = request
    const certificateFile = `${base}.pem`
    const privateKeyFile = `${base}.key`
    run(["req", ...ecKey, "-keyout", privateKeyFile, "-out", `${base}.csr`, "-subj", `/CN=${commonName}`])
    writeFileSync(`${base}.ext`, subjectAltName === "" ? "" : `subjectAltName=${subjectAltName}\n`)
    const signer = ["-CA", this.certificateFile, "-CAkey", this.#keyFile, "-days", String(days)]
    run(["x509", "-req", "-in", `${base}.csr`, "-out", certificateFile, "-extfile", `${base}.ext`, ...signer])
    return {
      certificateFile,
      privateKeyFile,
      certificatePem: readFileSync(certificateFile, "utf8"),
      privateKeyPem: readFileSync(privateKeyFile, "utf8"),
    }
  }

  /** A list of revoked certificates: of these. @returns its file */
  revoke(...certificates: readonly IssuedCertificate[]): string {
    const file = join(this.folder, `revoked-${this.#count++}.pem`)
    const [index, configuration] = [`${file}.index`, `${file}.cnf`]
    writeFileSync(index, "")
    writeFileSync(
      configuration,
      `[ca]\ndefault_ca=own\n[own]\ndatabase=${index}\ndefault_md=sha256\ndefault_crl_days=2\nunique_subject=no\n`,
    )
    const own = ["ca", "-config", configuration, "-cert", this.certificateFile, "-keyfile", this.#keyFile]
    for (const { certificateFile } of certificates) run([...own, "-revoke", certificateFile])
    run([...own, "-gencrl", "-out", file])
    return file
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

function run(commandLine: readonly string[]): void {
  if (openssl.path === null) throw new Error("openssl is not installed")
  const { exitCode, stderr } = Bun.spawnSync([openssl.path, ...commandLine], { stderr: "pipe" })
  if (exitCode !== 0) throw new Error(`openssl ${commandLine.join(" ")}: ${stderr.toString()}`)
}
