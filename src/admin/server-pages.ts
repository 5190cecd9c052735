/** `/server_info` and `/listeners`: the process itself (Envoy `envoy.admin.v3.ServerInfo`, `Listeners`). */
import type { BoundListener, RunningGateway } from "./running-gateway.ts"

export function serverInfoJson(gateway: RunningGateway, nowUnixMs: number): unknown {
  const uptime = `${Math.max(0, Math.floor((nowUnixMs - gateway.startedAtUnixMs) / 1000))}s`
  return {
    version: `portcullis/${gateway.version}/bun ${Bun.version}`,
    state: gateway.state,
    ready: gateway.isReady,
    uptime_current_epoch: uptime,
    uptime_all_epochs: uptime,
    command_line_options: gateway.commandLineOptions,
    configuration: {
      loaded_at: new Date(gateway.counters.configLoadedUnixMs).toISOString(),
      listeners: gateway.snapshot.listeners.length,
      virtual_hosts: gateway.snapshot.virtualHostCount,
      routes: gateway.snapshot.routeCount,
      clusters: gateway.snapshot.clusters.length,
      last_reload:
        gateway.lastReload === null
          ? null
          : {
              at: new Date(gateway.lastReload.atUnixMs).toISOString(),
              ok: gateway.lastReload.ok,
              problems: gateway.lastReload.problems,
            },
    },
  }
}

/** `0.0.0.0_8080::0.0.0.0:8080` */
export function listenersText(listeners: readonly BoundListener[]): string {
  return listeners.map((listener) => `${listener.name}::${addressText(listener)}\n`).join("")
}

export function listenersJson(listeners: readonly BoundListener[]): unknown {
  return {
    listener_statuses: listeners.map((listener) => ({
      name: listener.name,
      local_address: addressJson(listener.address, listener.port),
    })),
  }
}

/** Envoy's `core.Address`. */
export function addressJson(address: string, port: number): unknown {
  if (address.startsWith("unix:")) return { pipe: { path: address.slice("unix:".length) } }
  return { socket_address: { address, port_value: port } }
}

function addressText(listener: BoundListener): string {
  if (listener.address.startsWith("unix:")) return listener.address
  return listener.address.includes(":")
    ? `[${listener.address}]:${listener.port}`
    : `${listener.address}:${listener.port}`
}
