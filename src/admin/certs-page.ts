/** `/certs`: what the TLS servers serve with, and which of them cannot (Envoy `envoy.admin.v3.Certificates`). */
import type { MetricFamily } from "../telemetry/prometheus-text.ts"
import type { CertificateView, TlsServerView } from "./running-gateway.ts"

const DAY_MS = 86_400_000

/** Envoy's fields per certificate, by server, with what Envoy does not tell: whether the server has one at all. */
export function certsJson(servers: readonly TlsServerView[], nowUnixMs: number): unknown {
  return {
    certificates: servers.map((server) => ({
      listener: server.listener,
      gateway: server.gateway,
      server_names: server.serverNames,
      mode: server.mode.toUpperCase().replace("-", "_"),
      serving: server.isServing,
      problem: server.problem,
      ca_cert: detailsOf(server, "authority", nowUnixMs),
      cert_chain: detailsOf(server, "server", nowUnixMs),
    })),
  }
}

function detailsOf({ certificates }: TlsServerView, use: CertificateView["use"], nowUnixMs: number): unknown {
  return certificates
    .filter((certificate) => certificate.use === use)
    .map((certificate) => ({
      path: certificate.origin,
      subject: certificate.subject,
      serial_number: certificate.serialNumber,
      subject_alt_names: certificate.subjectAltNames,
      days_until_expiration: String(daysLeft(certificate, nowUnixMs)),
      valid_from: new Date(certificate.validFromUnixMs).toISOString(),
      expiration_time: new Date(certificate.validToUnixMs).toISOString(),
    }))
}

/** A line per server, a line per certificate below it. */
export function certsText(servers: readonly TlsServerView[], nowUnixMs: number): string {
  return servers
    .flatMap((server) => {
      const names = server.serverNames.length === 0 ? "*" : server.serverNames.join(",")
      const state = server.isServing ? "serving" : "NOT SERVED"
      const problem = server.problem === "" ? "" : ` (${server.problem})`
      return [
        `${server.listener}::${names}::${server.mode}::${state}${problem}`,
        ...server.certificates.map((certificate) => {
          const expires = new Date(certificate.validToUnixMs).toISOString().slice(0, 10)
          const days = daysLeft(certificate, nowUnixMs)
          return `  ${certificate.use} ${certificate.subject} from ${certificate.origin}, expires ${expires} (${days} days)`
        }),
      ]
    })
    .map((line) => `${line}\n`)
    .join("")
}

/** When what is in service expires, and whether what should have replaced it could not: for alerts. */
export function certificateMetricFamilies(servers: readonly TlsServerView[]): readonly MetricFamily[] {
  return [
    {
      name: "portcullis_certificate_expiration_timestamp_seconds",
      help: "When a certificate in service expires.",
      type: "gauge",
      samples: servers.flatMap(({ listener, serverNames, certificates }) =>
        certificates.map(({ subject, serialNumber, use, validToUnixMs }) => ({
          labels: { listener, server_names: serverNames.join(",") || "*", use, subject, serial_number: serialNumber },
          value: validToUnixMs / 1000,
        })),
      ),
    },
    {
      name: "portcullis_certificate_problem",
      help: "1 = the newest certificate of a TLS server cannot be used; the one before serves, where there is one.",
      type: "gauge",
      samples: servers.map(({ listener, serverNames, problem }) => ({
        labels: { listener, server_names: serverNames.join(",") || "*" },
        value: problem === "" ? 0 : 1,
      })),
    },
  ]
}

function daysLeft({ validToUnixMs }: CertificateView, nowUnixMs: number): number {
  return Math.max(0, Math.floor((validToUnixMs - nowUnixMs) / DAY_MS))
}
