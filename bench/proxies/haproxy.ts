/** HAProxy with one thread and idle upstream connections shared by all clients. */
import { join } from "node:path"
import type { Command } from "../measured-process.ts"
import { findProgram, type Peer, type ProxyPlan, readVersionLine } from "./proxy.ts"

export const haproxy: Peer = {
  name: "haproxy",
  tls: null,
  readVersion: () => readVersionLine("haproxy", "-v"),
  prepare(plan) {
    return prepareHaproxy(plan, "")
  },
}

/** @param bindParameters behind the address: "" or ` ssl crt …` */
export async function prepareHaproxy(plan: ProxyPlan, bindParameters: string): Promise<Command> {
  const file = join(plan.folder, "haproxy.cfg")
  await Bun.write(file, configuration(plan, bindParameters))
  await Bun.write(join(plan.folder, "hosts.map"), `${plan.hosts.map((host) => `${host} upstream`).join("\n")}\n`)
  return { argv: [findProgram("haproxy") ?? "haproxy", "-db", "-f", file], environment: {} }
}

function configuration({ port, upstreamPort, folder }: ProxyPlan, bindParameters: string): string {
  return `global
  nbthread 1
  maxconn 4096

defaults
  mode http
  option http-keep-alive
  option forwardfor
  option splice-auto
  http-reuse always
  timeout connect 5s
  timeout client 75s
  timeout server 75s
  timeout http-keep-alive 75s

frontend edge
  bind 127.0.0.1:${port}${bindParameters}
  unique-id-format %{+X}o\\ %ci:%cp_%fi:%fp_%Ts_%rt:%pid
  unique-id-header X-Request-Id
  http-request set-header X-Forwarded-Proto ${bindParameters === "" ? "http" : "https"}
  http-request deny deny_status 404 unless { path_beg /api/ }
  use_backend %[req.hdr(host),lower,map(${join(folder, "hosts.map")},none)]

backend upstream
  server upstream 127.0.0.1:${upstreamPort}

backend none
  http-request deny deny_status 404
`
}
