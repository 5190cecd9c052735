/** Endpoints as `proxy-config endpoints` lists them, whether they are live or only configured. */
import type { ClusterSpec } from "../compile/snapshot.ts"

export interface ListedEndpoint {
  readonly cluster: string
  /** IP address, DNS name, or `unix:PATH`. */
  readonly address: string
  readonly port: number
  readonly weight: number
  readonly status: "HEALTHY" | "UNHEALTHY" | "DRAINING"
  /** Whether outlier detection has put it aside. */
  readonly isEjected: boolean
}

/** What the files say: nothing has failed yet, names are not resolved. */
export function configuredEndpoints(clusters: readonly ClusterSpec[]): readonly ListedEndpoint[] {
  return clusters.flatMap(({ name, discovery }) =>
    discovery.endpoints.map(({ address, port, weight }) => ({
      cluster: name,
      address,
      port,
      weight,
      status: "HEALTHY" as const,
      isEjected: false,
    })),
  )
}
