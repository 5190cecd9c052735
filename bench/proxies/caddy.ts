/** Caddy on one processor (`GOMAXPROCS=1`), without its admin endpoint, TLS automation or logs. */
import { join } from "node:path"
import { findProgram, type Peer, type ProxyPlan, readVersionLine } from "./proxy.ts"

export const caddy: Peer = {
  name: "caddy",
  tls: null,
  readVersion: () => readVersionLine("caddy", "version"),
  async prepare(plan) {
    const file = join(plan.folder, "Caddyfile")
    await Bun.write(file, configuration(plan))
    return {
      argv: [findProgram("caddy") ?? "caddy", "run", "--config", file, "--adapter", "caddyfile"],
      environment: { GOMAXPROCS: "1", HOME: plan.folder, XDG_DATA_HOME: plan.folder, XDG_CONFIG_HOME: plan.folder },
    }
  },
}

function configuration({ port, upstreamPort, hosts }: ProxyPlan): string {
  const sites = hosts.map(
    (host) => `http://${host}:${port} {
	bind 127.0.0.1
	handle /api/* {
		reverse_proxy 127.0.0.1:${upstreamPort} {
			header_up X-Request-Id {http.request.uuid}
			transport http {
				keepalive 75s
				keepalive_idle_conns 128
				keepalive_idle_conns_per_host 128
				compression off
			}
		}
	}
	respond 404
}`,
  )
  return `{
	admin off
	auto_https off
	log default {
		output discard
	}
}
${sites.join("\n")}
`
}
