/** Proxies that forward bytes and look at none of them: HAProxy in `mode tcp`, nginx's stream module, and the gateway. */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { portcullisCommand } from "./portcullis.ts"
import { findProgram, type Peer, type ProxyPlan, readVersionLine } from "./proxy.ts"

/** Clients at once that all of them must take; each is two connections of the proxy's. */
export const tcpClientsMax = 6_000

/** Debian keeps the stream module in a package of its own: libnginx-mod-stream. */
const streamModule = "/usr/lib/nginx/modules/ngx_stream_module.so"

/** With splice(2) where it pays: its bytes then never leave the kernel. */
export const haproxyTcp: Peer = {
  name: "haproxy",
  tls: null,
  readVersion: () => readVersionLine("haproxy", "-v"),
  async prepare({ port, upstreamPort, folder }) {
    const file = join(folder, "haproxy.cfg")
    await Bun.write(
      file,
      `global
  nbthread 1
  maxconn ${tcpClientsMax}

defaults
  mode tcp
  option splice-auto
  timeout connect 5s
  timeout client 1h
  timeout server 1h

listen edge
  bind 127.0.0.1:${port} backlog 4096
  server upstream 127.0.0.1:${upstreamPort}
`,
    )
    return { argv: [findProgram("haproxy") ?? "haproxy", "-db", "-f", file], environment: {} }
  },
}

export const nginxStream: Peer = {
  name: "nginx",
  tls: null,
  readVersion: () => (existsSync(streamModule) ? readVersionLine("nginx", "-v") : null),
  async prepare({ port, upstreamPort, folder }) {
    const file = join(folder, "nginx.conf")
    await Bun.write(
      file,
      `load_module ${streamModule};
daemon off;
worker_processes 1;
pid ${join(folder, "nginx.pid")};
error_log stderr crit;
events { worker_connections ${2 * tcpClientsMax + 100}; multi_accept on; }
stream {
  server {
    listen 127.0.0.1:${port} backlog=4096;
    proxy_pass 127.0.0.1:${upstreamPort};
    proxy_timeout 1h;
  }
}
`,
    )
    return { argv: [findProgram("nginx") ?? "nginx", "-e", "stderr", "-p", folder, "-c", file], environment: {} }
  },
}

export function portcullisTcp(useBinary: boolean): Peer {
  return {
    name: "portcullis",
    tls: null,
    readVersion: () => "portcullis",
    async prepare(plan) {
      const file = join(plan.folder, "routes.yaml")
      await Bun.write(file, tcpDocuments(plan))
      const quiet = ["--access-log", "off", "--admin", "off", "--status-port", "off", "--no-watch"]
      const run = ["run", "-f", file, "--bind", "127.0.0.1", "--log-level", "error"]
      return { argv: [...portcullisCommand(useBinary), ...run, ...quiet], environment: {} }
    },
  }
}

function tcpDocuments({ port, upstreamPort }: ProxyPlan): string {
  return `apiVersion: networking.istio.io/v1
kind: Gateway
metadata:
  name: edge
spec:
  servers:
    - port:
        number: ${port}
        name: tcp
        protocol: TCP
      hosts:
        - "*"
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata:
  name: upstream
spec:
  hosts:
    - upstream.bench.internal
  resolution: STATIC
  ports:
    - number: 80
      name: tcp
      protocol: TCP
      targetPort: ${upstreamPort}
  endpoints:
    - address: 127.0.0.1
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: upstream
spec:
  hosts:
    - "*"
  gateways:
    - edge
  tcp:
    - route:
        - destination:
            host: upstream.bench.internal
`
}
