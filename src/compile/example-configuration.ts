/** Compiles configurations written in tests, and finds its way in the Snapshot by the names istiod gives. */
import type { Diagnostic } from "../config/diagnostics.ts"
import { parseResources } from "../config/parse-resources.ts"
import { type CompileOptions, compile } from "./compile.ts"
import type {
  ClusterSpec,
  ForwardAction,
  HttpFilterChain,
  Listener,
  RedirectAction,
  Route,
  RouteAction,
  Snapshot,
  VirtualHost,
} from "./snapshot.ts"

export const defaultOptions: CompileOptions = {
  portMap: new Map(),
  dnsFallback: true,
  demoServices: [{ host: "webapp", port: 80, address: "127.0.0.1:3000", protocol: "http1" }],
  selector: null,
}

export interface Example {
  readonly snapshot: Snapshot
  /** The compiler's own, as `CODE severity resource path`. */
  readonly findings: readonly string[]
  readonly diagnostics: readonly Diagnostic[]
}

/** @param yaml documents; what config/ finds wrong with them is no concern here, except YAML itself. */
export function compileExample(yaml: string, options: Partial<CompileOptions> = {}): Example {
  const parsed = parseResources([{ path: "example.yaml", text: yaml }])
  const unreadable = parsed.diagnostics.find(({ code }) => code.startsWith("P1") || code.startsWith("P20"))
  if (unreadable !== undefined) throw new Error(`example.yaml:${unreadable.line}: ${unreadable.message}`)
  const { value, diagnostics } = compile(parsed.value, { ...defaultOptions, ...options })
  const findings = diagnostics.map(({ code, severity, resource, path }) => `${code} ${severity} ${resource} ${path}`)
  return { snapshot: value, findings, diagnostics }
}

export interface GatewayExample {
  readonly name?: string
  readonly namespace?: string
  readonly hosts?: readonly string[]
  readonly port?: number
  readonly protocol?: string
  /** YAML lines of further server fields, flow style. */
  readonly server?: string
  readonly selector?: string
  readonly created?: string
}

/** A Gateway with one server. */
export function gateway(example: GatewayExample = {}): string {
  const { name = "edge", namespace = "default", hosts = ["*"], port = 80, protocol = "HTTP" } = example
  const created = example.created === undefined ? "" : `, creationTimestamp: "${example.created}"`
  const server = `{port: {number: ${port}, name: p${port}, protocol: ${protocol}}, hosts: ${JSON.stringify(hosts)}`
  return `
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: ${name}, namespace: ${namespace}${created}}
spec:
  selector: ${example.selector ?? "{}"}
  servers: [${server}${example.server === undefined ? "" : `, ${example.server}`}}]
`
}

export interface VirtualServiceExample {
  readonly name?: string
  readonly namespace?: string
  readonly hosts?: readonly string[]
  readonly gateways?: readonly string[]
  readonly exportTo?: readonly string[]
  readonly created?: string
  readonly annotations?: Readonly<Record<string, string>>
  /** YAML of each rule, flow style; a rule without an action goes to `webapp`. */
  readonly rules?: readonly string[]
}

export const toWebapp = "route: [{destination: {host: webapp}}]"

export function virtualService(example: VirtualServiceExample = {}): string {
  const { name = "site", namespace = "default", hosts = ["a.com"], gateways = ["default/edge"] } = example
  const created = example.created === undefined ? "" : `, creationTimestamp: "${example.created}"`
  const rules = example.rules ?? [`{${toWebapp}}`]
  return `
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ${name}, namespace: ${namespace}${created}, annotations: ${JSON.stringify(example.annotations ?? {})}}
spec:
${hosts.length === 0 ? "" : `  hosts: ${JSON.stringify(hosts)}\n`}${
  gateways.length === 0 ? "" : `  gateways: ${JSON.stringify(gateways)}\n`
}${example.exportTo === undefined ? "" : `  exportTo: ${JSON.stringify(example.exportTo)}\n`}  http:
${rules.map((rule) => `  - ${rule}`).join("\n")}
`
}

export function listenerOf(example: Example, name: string): Listener {
  return found(example.snapshot.listeners, (listener) => listener.name === name, name)
}

/** The one HTTP filter chain of a plain listener. */
export function httpChain(example: Example, listener = "0.0.0.0_80"): HttpFilterChain {
  const [chain] = listenerOf(example, listener).filterChains
  if (chain?.kind !== "http") throw new Error(`${listener} has no HTTP filter chain`)
  return chain
}

export function virtualHostNames(example: Example, listener = "0.0.0.0_80"): readonly string[] {
  return httpChain(example, listener).routes.virtualHosts.map(({ name }) => name)
}

export function virtualHost(example: Example, name: string, listener = "0.0.0.0_80"): VirtualHost {
  return found(httpChain(example, listener).routes.virtualHosts, (host) => host.name === name, name)
}

/** The routes of `a.com:80`, unless told otherwise. */
export function routesOf(example: Example, name = "a.com:80"): readonly Route[] {
  return virtualHost(example, name).routes
}

export function routeNames(example: Example, name = "a.com:80"): readonly string[] {
  return routesOf(example, name).map((route) => route.name)
}

/** Routes of one rule, given in flow style, on `a.com` of a Gateway with every host on port 80. */
export function compileRule(rule: string, further = "", options: Partial<CompileOptions> = {}): readonly Route[] {
  return routesOf(compileExample(`${gateway()}${virtualService({ rules: [rule] })}${further}`, options))
}

export function onlyRoute(routes: readonly Route[]): Route {
  const [route] = routes
  if (route === undefined || routes.length !== 1) throw new Error(`${routes.length} routes instead of one`)
  return route
}

export function forwardOf(route: Route): ForwardAction {
  return actionOf(route, "forward")
}

export function redirectOf(route: Route): RedirectAction {
  return actionOf(route, "redirect")
}

export function cluster(example: Example, name: string): ClusterSpec {
  return found(example.snapshot.clusters, (each) => each.name === name, name)
}

function actionOf<K extends RouteAction["kind"]>(route: Route, kind: K): Extract<RouteAction, { readonly kind: K }> {
  const { action } = route
  if (!isKind(action, kind)) throw new Error(`the route's action is ${action.kind}`)
  return action
}

function isKind<K extends RouteAction["kind"]>(
  action: RouteAction,
  kind: K,
): action is Extract<RouteAction, { readonly kind: K }> {
  return action.kind === kind
}

function found<T>(list: readonly T[], predicate: (each: T) => boolean, name: string): T {
  const each = list.find(predicate)
  if (each === undefined) throw new Error(`there is no ${name}`)
  return each
}
