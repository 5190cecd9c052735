/** What can be asked of `proxy-config`, and how the question travels to the admin interface. */

export const proxyConfigKinds = ["listeners", "routes", "clusters", "endpoints", "secrets"] as const
export type ProxyConfigKind = (typeof proxyConfigKinds)[number]

/** istioctl's other names of them. */
const otherNames: Readonly<Record<string, ProxyConfigKind>> = Object.freeze({
  listener: "listeners",
  l: "listeners",
  route: "routes",
  r: "routes",
  cluster: "clusters",
  c: "clusters",
  endpoint: "endpoints",
  ep: "endpoints",
  secret: "secrets",
  s: "secrets",
})

export const proxyConfigOutputs = ["table", "json", "yaml"] as const
export type ProxyConfigOutput = (typeof proxyConfigOutputs)[number]

/** What is shown of a kind; null = all. Those that a kind does not have are ignored. */
export interface ProxyConfigFilter {
  /** Of a route configuration. */
  readonly name: string | null
  /** The port bound, or a service's. */
  readonly port: number | null
  /** Of a cluster's service. */
  readonly fqdn: string | null
}

export function parseProxyConfigKind(text: string): ProxyConfigKind | null {
  const known = proxyConfigKinds.find((kind) => kind === text)
  return known ?? (Object.hasOwn(otherNames, text) ? (otherNames[text] ?? null) : null)
}

/** The admin interface's path that answers it; `readProxyConfigQuery` reads it back. */
export function proxyConfigPath(kind: ProxyConfigKind, filter: ProxyConfigFilter, output: ProxyConfigOutput): string {
  const query = new URLSearchParams({ format: output })
  for (const [name, value] of Object.entries(filter)) if (value !== null) query.set(name, String(value))
  return `/proxy-config/${kind}?${query}`
}

/** @param value of a query parameter; undefined = not given. @returns null = the query is none. */
export function readProxyConfigQuery(
  value: (name: string) => string | undefined,
): { readonly filter: ProxyConfigFilter; readonly output: ProxyConfigOutput } | null {
  const format = value("format") ?? "table"
  const output = proxyConfigOutputs.find((known) => known === format)
  const port = value("port")
  if (output === undefined || (port !== undefined && !/^\d{1,5}$/.test(port))) return null
  const filter = {
    name: value("name") ?? null,
    port: port === undefined ? null : Number(port),
    fqdn: value("fqdn") ?? null,
  }
  return { filter, output }
}
