/**
 * The names istiod generates (Istio semantics sheet 1.6), and how names written by users become whole ones:
 * short host names (3.1), gateway references (1.5).
 */

/** Kubernetes' cluster domain; Istio's default `domainSuffix`. */
const clusterDomain = "cluster.local"

/** What a VirtualService calls the sidecars of the mesh; never an ingress gateway (sheet 1.5). */
export const meshGateway = "mesh"

/** Where mesh-wide rules live (`meshConfig.rootNamespace`). */
export const rootNamespace = "istio-system"

/**
 * Expands a short host name to `host.NAMESPACE.svc.cluster.local`. `*`, names with a dot and IP addresses are left
 * alone: `reviews.prod` is not expanded (sheet 3.1 (1)).
 */
export function fullyQualifiedHost(host: string, namespace: string): string {
  if (host === "*" || host.includes(".") || host.includes(":")) return host
  return `${host}.${namespace}.svc.${clusterDomain}`
}

/**
 * Resolves what a VirtualService writes in `gateways` to `NAMESPACE/NAME`, or `mesh` (sheet 1.5 (1)).
 * @param namespace the VirtualService's.
 */
export function resolveGatewayName(text: string, namespace: string): string {
  if (text === meshGateway) return meshGateway
  if (text.startsWith("./")) return `${namespace}/${text.slice(2)}`
  if (text.includes("/")) return text
  const [name = "", legacyNamespace] = text.split(".")
  return legacyNamespace === undefined ? `${namespace}/${text}` : `${legacyNamespace}/${name}`
}

/** `NAMESPACE/NAME`: how a resource is found by reference. */
export function qualifiedName(metadata: { readonly namespace: string; readonly name: string }): string {
  return `${metadata.namespace}/${metadata.name}`
}

export function clusterName(port: number, subset: string, host: string): string {
  return `outbound|${port}|${subset}|${host}`
}

/** Envoy's listener name; the wildcard address stands for a silent `bind`. */
export function listenerName(bind: string | null, port: number): string {
  return `${bind ?? "0.0.0.0"}_${port}`
}

/** The one route configuration that all plain HTTP servers of a port share. */
export function httpRouteConfigurationName(bind: string | null, port: number): string {
  return bind === null ? `http.${port}` : `http.${port}.${bind}`
}

/** The route configuration of one HTTPS server; PORT is the declared one (sheet 1.6). */
export function httpsRouteConfigurationName(
  bind: string | null,
  port: { readonly number: number; readonly name: string },
  gateway: { readonly namespace: string; readonly name: string },
): string {
  const name = `https.${port.number}.${port.name}.${gateway.name}.${gateway.namespace}`
  return bind === null ? name : `${name}.${bind}`
}

/** The server name that leads to a cluster through AUTO_PASSTHROUGH (sheet 1.6, 1.8). */
export function sniOfCluster(port: number, subset: string, host: string): string {
  return `outbound_.${port}_.${subset}_.${host}`
}

/** `HOST:PORT` with the declared port; an IPv6 address is bracketed. */
export function virtualHostName(host: string, declaredPort: number): string {
  return host.includes(":") && !host.startsWith("[") ? `[${host}]:${declaredPort}` : `${host}:${declaredPort}`
}
