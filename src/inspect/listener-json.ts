/** Envoy's `Listener` (Istio semantics sheet 1.6, 1.8, 10). */
import type {
  DownstreamTls,
  FilterChain,
  HttpFilterChain,
  Listener,
  TlsVersion,
  WeightedClusters,
} from "../compile/snapshot.ts"
import { durationText, type JsonObject, message } from "./json-value.ts"
import { authorityReferenceName, certificateReferenceName } from "./listed-certificate.ts"

export function listenerJson(listener: Listener): JsonObject {
  return message({
    name: listener.name,
    address: addressJson(listenerAddress(listener), listener.boundPort),
    filterChains: listener.filterChains.map((chain) => filterChainJson(chain, listener)),
    listenerFilters: listener.filterChains.some((chain) => isTls(chain))
      ? [
          {
            name: "envoy.filters.listener.tls_inspector",
            typedConfig: {
              "@type": "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector",
            },
          },
        ]
      : [],
    trafficDirection: "OUTBOUND",
  })
}

/** The wildcard address stands for a silent `bind`. */
export function listenerAddress(listener: Listener): string {
  return listener.bindAddress ?? "0.0.0.0"
}

/** `core.Address`; a unix socket is `unix:PATH`. */
export function addressJson(address: string, port: number): JsonObject {
  if (address.startsWith("unix:")) return { pipe: { path: address.slice("unix:".length) } }
  return { socketAddress: { address, portValue: port } }
}

function isTls(chain: FilterChain): boolean {
  return chain.tls !== null || chain.serverNames.length > 0
}

function filterChainJson(chain: FilterChain, listener: Listener): JsonObject {
  return message({
    filterChainMatch: message({ serverNames: chain.serverNames }),
    filters: [networkFilterJson(chain, listener)],
    transportSocket: chain.tls === null ? null : transportSocketJson(chain.tls),
  })
}

function networkFilterJson(chain: FilterChain, listener: Listener): JsonObject {
  if (chain.kind === "http") {
    return {
      name: "envoy.filters.network.http_connection_manager",
      typedConfig: {
        "@type":
          "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        statPrefix: `outbound_${listener.name}`,
        rds: { configSource: { ads: {}, resourceApiVersion: "V3" }, routeConfigName: chain.routes.name },
        httpFilters: httpFiltersJson(chain),
      },
    }
  }
  const first = chain.clusters.entries[0]
  return {
    name: "envoy.filters.network.tcp_proxy",
    typedConfig: message({
      "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
      statPrefix: first?.clusterName ?? "",
      ...tcpTargetJson(chain.clusters),
      idleTimeout: chain.idleTimeoutMs > 0 ? durationText(chain.idleTimeoutMs) : "",
    }),
  }
}

/** What a request goes through, in Istio's order (Istio semantics sheet 4). */
function httpFiltersJson({ translatesGrpcWeb }: HttpFilterChain): readonly JsonObject[] {
  const filter = (name: string, type: string): JsonObject => ({
    name: `envoy.filters.http.${name}`,
    typedConfig: { "@type": `type.googleapis.com/envoy.extensions.filters.http.${name}.v3.${type}` },
  })
  const always = [filter("fault", "HTTPFault"), filter("cors", "Cors"), filter("router", "Router")]
  return translatesGrpcWeb ? [filter("grpc_web", "GrpcWeb"), ...always] : always
}

function tcpTargetJson({ entries }: WeightedClusters): JsonObject {
  const [only, ...others] = entries
  if (only !== undefined && others.length === 0) return { cluster: only.clusterName }
  return { weightedClusters: { clusters: entries.map(({ clusterName, weight }) => ({ name: clusterName, weight })) } }
}

function transportSocketJson(tls: DownstreamTls): JsonObject {
  const { mode, certificates, clientCertificates } = tls
  return {
    name: "envoy.transport_sockets.tls",
    typedConfig: message({
      "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
      commonTlsContext: message({
        tlsParams: {
          tlsMinimumProtocolVersion: protocolVersion(tls.versionMin),
          tlsMaximumProtocolVersion: protocolVersion(tls.versionMax),
          ...message({ cipherSuites: tls.cipherSuites === "" ? [] : tls.cipherSuites.split(":") }),
        },
        tlsCertificateSdsSecretConfigs: certificates.map((each) => ({ name: certificateReferenceName(each) })),
        combinedValidationContext:
          clientCertificates === null
            ? null
            : { validationContextSdsSecretConfig: { name: authorityReferenceName(clientCertificates.authorities) } },
        alpnProtocols: tls.alpnProtocols,
      }),
      requireClientCertificate: mode === "mutual" ? true : null,
    }),
  }
}

/** `TLSv1.2` is `TLSv1_2` in Envoy, and `TLSv1` is `TLSv1_0`. */
function protocolVersion(version: TlsVersion): string {
  return version === "TLSv1" ? "TLSv1_0" : version.replace(".", "_")
}
