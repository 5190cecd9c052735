/**
 * The proxies again, before TLS clients: the same forwarding, behind one ECDSA P-256 certificate and its intermediate, TLS
 * 1.2 and 1.3, HTTP/1.1, session tickets on. With client certificates every one of them verifies a chain of two.
 */
import { chmod } from "node:fs/promises"
import { join } from "node:path"
import { DevelopmentPki } from "../../src/security/development-pki.ts"
import type { ClientTls } from "../measured-process.ts"
import { haproxy, prepareHaproxy } from "./haproxy.ts"
import { nginx, prepareNginx, proxyBlocks } from "./nginx.ts"
import { portcullis, portcullisCommand, preparePortcullis } from "./portcullis.ts"
import type { Peer } from "./proxy.ts"

/** Paths of PEM files, and the client they belong to. */
export interface BenchCertificates {
  readonly certificateFile: string
  readonly privateKeyFile: string
  /** Certificate and key in one, as HAProxy wants them. */
  readonly bundleFile: string
  readonly authorityFile: string
  readonly clientCertificateFile: string
  readonly clientKeyFile: string
  readonly client: ClientTls
}

export async function makeCertificates(folder: string): Promise<BenchCertificates> {
  const pki = await DevelopmentPki.create(Date.now())
  const names = { commonName: "bench", subjectAltNames: ["127.0.0.1", "*.bench.example"] }
  const server = await pki.issue({ ...names, purpose: "server" })
  const client = await pki.issue({ commonName: "client", subjectAltNames: ["client.bench.example"], purpose: "client" })
  const file = async (name: string, text: string) => {
    const path = join(folder, name)
    await Bun.write(path, text)
    await chmod(path, 0o644)
    return path
  }
  return {
    certificateFile: await file("server.crt", server.certificatePem),
    privateKeyFile: await file("server.key", server.privateKeyPem),
    bundleFile: await file("server.pem", server.certificatePem + server.privateKeyPem),
    // With the intermediate: `openssl s_time` sends the client's own certificate alone.
    authorityFile: await file("ca.crt", pki.rootPem + pki.intermediatePem),
    clientCertificateFile: await file("client.crt", client.certificatePem),
    clientKeyFile: await file("client.key", client.privateKeyPem),
    client: { identity: client },
  }
}

/** nginx, HAProxy and Portcullis. @param isMutual whether clients need a certificate */
export function proxiesWithTls(
  certificates: BenchCertificates,
  isMutual: boolean,
  useBinary: boolean,
): { readonly peers: readonly Peer[]; readonly own: Peer } {
  const { certificateFile, privateKeyFile, bundleFile, authorityFile } = certificates
  const tls = isMutual ? certificates.client : { identity: null }
  const nginxTls = `  ssl_certificate ${certificateFile};
  ssl_certificate_key ${privateKeyFile};
  ssl_protocols TLSv1.2 TLSv1.3;
${isMutual ? `  ssl_client_certificate ${authorityFile};\n  ssl_verify_client on;\n  ssl_verify_depth 2;\n` : ""}`
  const haproxyTls = ` ssl crt ${bundleFile} alpn http/1.1${isMutual ? ` ca-file ${authorityFile} verify required` : ""}`
  const files = `serverCertificate: ${certificateFile}, privateKey: ${privateKeyFile}`
  const portcullisTls = isMutual
    ? `{ mode: MUTUAL, ${files}, caCertificates: ${authorityFile} }`
    : `{ mode: SIMPLE, ${files} }`
  return {
    peers: [
      { ...nginx, tls, prepare: (plan) => prepareNginx(plan.folder, nginxTls + proxyBlocks(plan, " ssl")) },
      { ...haproxy, tls, prepare: (plan) => prepareHaproxy(plan, haproxyTls) },
    ],
    own: {
      ...portcullis(useBinary),
      tls,
      prepare: (plan) => preparePortcullis(plan, portcullisCommand(useBinary), portcullisTls),
    },
  }
}
