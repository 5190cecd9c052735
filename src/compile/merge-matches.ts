/**
 * Joins the match blocks of a root rule with those of a delegate's rule (Istio semantics sheet 3.11 (2)-(4)).
 * Source: Istio `pilot/pkg/model/virtualservice.go` (`mergeHTTPMatchRequests`, `hasConflict`).
 */
import type { HttpMatch, StringMatch } from "./api-types.ts"

type MatchMap = Readonly<Record<string, StringMatch>>

/**
 * Every root block with every leaf block, leaf-major; a side without blocks gives the other side's.
 * @returns null when a leaf block contradicts every root block: the leaf's rule is then void.
 */
export function mergeMatches(roots: readonly HttpMatch[], leaves: readonly HttpMatch[]): readonly HttpMatch[] | null {
  if (roots.length === 0) return leaves
  if (leaves.length === 0) return roots
  const merged: HttpMatch[] = []
  for (const leaf of leaves) {
    const before = merged.length
    for (const root of roots) if (!contradict(root, leaf)) merged.push(mergeMatch(root, leaf))
    if (merged.length === before) return null
  }
  return merged
}

/** The leaf's value where it has one; maps are united. */
function mergeMatch(root: HttpMatch, leaf: HttpMatch): HttpMatch {
  return {
    name: joinNames(root.name, leaf.name),
    uri: leaf.uri ?? root.uri,
    ignoreUriCase: leaf.ignoreUriCase ?? root.ignoreUriCase,
    scheme: leaf.scheme ?? root.scheme,
    method: leaf.method ?? root.method,
    authority: leaf.authority ?? root.authority,
    headers: uniteMaps(root.headers, leaf.headers),
    withoutHeaders: uniteMaps(root.withoutHeaders, leaf.withoutHeaders),
    queryParams: uniteMaps(root.queryParams, leaf.queryParams),
    port: leaf.port ?? root.port,
    gateways: leaf.gateways ?? root.gateways,
    sourceLabels: uniteMaps(root.sourceLabels, leaf.sourceLabels),
    sourceNamespace: leaf.sourceNamespace ?? root.sourceNamespace,
    statPrefix: leaf.statPrefix ?? root.statPrefix,
  }
}

/** `root-leaf`; the one that is set when the other is not. */
export function joinNames(root: string | undefined, leaf: string | undefined): string | undefined {
  if (root === undefined || root === "") return leaf
  return leaf === undefined || leaf === "" ? root : `${root}-${leaf}`
}

function contradict(root: HttpMatch, leaf: HttpMatch): boolean {
  return (
    textsContradict(root.uri, leaf.uri) ||
    textsContradict(root.scheme, leaf.scheme) ||
    textsContradict(root.method, leaf.method) ||
    textsContradict(root.authority, leaf.authority) ||
    mapsContradict(root.headers, leaf.headers) ||
    mapsContradict(root.withoutHeaders, leaf.withoutHeaders) ||
    mapsContradict(root.queryParams, leaf.queryParams) ||
    (root.ignoreUriCase ?? false) !== (leaf.ignoreUriCase ?? false) ||
    scalarsContradict(root.port, leaf.port) ||
    scalarsContradict(root.sourceNamespace, leaf.sourceNamespace) ||
    labelsContradict(root.sourceLabels, leaf.sourceLabels) ||
    gatewaysContradict(root.gateways, leaf.gateways)
  )
}

function textsContradict(root: StringMatch | undefined, leaf: StringMatch | undefined): boolean {
  if (root === undefined || leaf === undefined) return false
  if (root.regex !== undefined || leaf.regex !== undefined) return true
  if (root.exact !== undefined) return leaf.exact !== root.exact
  if (root.prefix !== undefined) return !(leaf.exact ?? leaf.prefix ?? "").startsWith(root.prefix)
  return false
}

function mapsContradict(root: MatchMap | undefined, leaf: MatchMap | undefined): boolean {
  if (root === undefined || leaf === undefined) return false
  return Object.entries(leaf).some(([key, match]) => textsContradict(ownValue(root, key), match))
}

function scalarsContradict<T>(root: T | undefined, leaf: T | undefined): boolean {
  return root !== undefined && leaf !== undefined && root !== leaf
}

function labelsContradict(
  root: Readonly<Record<string, string>> | undefined,
  leaf: Readonly<Record<string, string>> | undefined,
): boolean {
  if (root === undefined || leaf === undefined) return false
  return Object.entries(leaf).some(([key, value]) => scalarsContradict(ownValue(root, key), value))
}

function gatewaysContradict(root: readonly string[] | undefined, leaf: readonly string[] | undefined): boolean {
  if (root === undefined || root.length === 0 || leaf === undefined) return false
  return leaf.some((gateway) => !root.includes(gateway))
}

/** Names like `constructor` are just header names here. */
function ownValue<V>(map: Readonly<Record<string, V>>, key: string): V | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined
}

function uniteMaps<V>(
  root: Record<string, V> | undefined,
  leaf: Record<string, V> | undefined,
): Record<string, V> | undefined {
  if (root === undefined) return leaf
  return leaf === undefined ? root : { ...root, ...leaf }
}
