/**
 * The kinds that Portcullis reads: their API groups and versions, and how each becomes a typed resource.
 */
import type { z } from "zod"
import type { Findings } from "./findings.ts"
import type { Locate, Metadata, Resource } from "./resources.ts"
import { parseWithSchema } from "./schema-findings.ts"
import { destinationRuleSpec } from "./schemas/destination-rule.ts"
import { gatewaySpec } from "./schemas/gateway.ts"
import { endpointSliceBody, endpointsBody, secretBody, serviceBody } from "./schemas/kubernetes.ts"
import { objectMetadata } from "./schemas/metadata.ts"
import { serviceEntrySpec, workloadEntrySpec } from "./schemas/service-entry.ts"
import { virtualServiceSpec } from "./schemas/virtual-service.ts"
import { editDistance, nearestWord } from "./suggest.ts"
import { validateDestinationRule } from "./validate-destination-rule.ts"
import { validateGateway } from "./validate-gateway.ts"
import { validateServiceEntry } from "./validate-service-entry.ts"
import { validateVirtualService } from "./validate-virtual-service.ts"

/** What every resource has, read before its kind is looked into. */
export interface ResourceHead {
  readonly metadata: Metadata
  readonly locate: Locate
}

type RawObject = Readonly<Record<string, unknown>>
/** @returns null when the object does not fit its schema; why is in `findings`. */
type ReadResource = (head: ResourceHead, object: RawObject, findings: Findings) => Resource | null

interface KnownKind {
  readonly group: string
  readonly versions: readonly string[]
  readonly read: ReadResource
}

const istioGroup = "networking.istio.io"
const istioVersions = ["v1", "v1beta1", "v1alpha3"]

const kinds: ReadonlyMap<string, KnownKind> = new Map<string, KnownKind>([
  [
    "Gateway",
    istio((head, object, findings) => {
      const spec = readSpec(gatewaySpec, object, findings)
      if (spec === null) return null
      validateGateway(head.metadata.name, spec, findings)
      return { kind: "Gateway", ...head, spec }
    }),
  ],
  [
    "VirtualService",
    istio((head, object, findings) => {
      const spec = readSpec(virtualServiceSpec, object, findings)
      if (spec === null) return null
      validateVirtualService(spec, findings)
      return { kind: "VirtualService", ...head, spec }
    }),
  ],
  [
    "DestinationRule",
    istio((head, object, findings) => {
      const spec = readSpec(destinationRuleSpec, object, findings)
      if (spec === null) return null
      validateDestinationRule(spec, findings)
      return { kind: "DestinationRule", ...head, spec }
    }),
  ],
  [
    "ServiceEntry",
    istio((head, object, findings) => {
      const spec = readSpec(serviceEntrySpec, object, findings)
      if (spec === null) return null
      validateServiceEntry(spec, findings)
      return { kind: "ServiceEntry", ...head, spec }
    }),
  ],
  [
    "WorkloadEntry",
    istio((head, object, findings) => {
      const spec = readSpec(workloadEntrySpec, object, findings)
      return spec === null ? null : { kind: "WorkloadEntry", ...head, spec }
    }),
  ],
  [
    "Secret",
    kubernetes("", (head, object, findings) => {
      const body = readBody(secretBody, object, findings)
      return body === null ? null : { kind: "Secret", ...head, body }
    }),
  ],
  [
    "Service",
    kubernetes("", (head, object, findings) => {
      const body = readBody(serviceBody, object, findings)
      return body === null ? null : { kind: "Service", ...head, body }
    }),
  ],
  [
    "Endpoints",
    kubernetes("", (head, object, findings) => {
      const body = readBody(endpointsBody, object, findings)
      return body === null ? null : { kind: "Endpoints", ...head, body }
    }),
  ],
  [
    "EndpointSlice",
    kubernetes("discovery.k8s.io", (head, object, findings) => {
      const body = readBody(endpointSliceBody, object, findings)
      return body === null ? null : { kind: "EndpointSlice", ...head, body }
    }),
  ],
])

type FoundReader =
  | { readonly status: "known"; readonly read: ReadResource }
  | { readonly status: "wrong-version"; readonly hint: string }
  /** Another API's object, perhaps of the same kind name (`Gateway` of the Gateway API). */
  | { readonly status: "other" }

/** How to read an object of this apiVersion and kind. */
export function readerOf(apiVersion: string, kind: string): FoundReader {
  const known = kinds.get(kind)
  const slash = apiVersion.indexOf("/")
  const group = slash === -1 ? "" : apiVersion.slice(0, slash)
  const version = apiVersion.slice(slash + 1)
  if (known === undefined) return misspeltKind(group, kind)
  if (group === known.group && known.versions.includes(version)) return { status: "known", read: known.read }
  // A version without group, or a near miss of the group's name, is a slip and not another API.
  if (group !== known.group && slash !== -1 && editDistance(group, known.group) > 3) return { status: "other" }
  const expected = known.versions.map((name) => (known.group === "" ? name : `${known.group}/${name}`))
  return { status: "wrong-version", hint: `write ${expected.join(" or ")}` }
}

/** A kind of Istio's group that does not exist is a slip where it is near one that we know. */
function misspeltKind(group: string, kind: string): FoundReader {
  if (group !== istioGroup) return { status: "other" }
  const ofGroup = [...kinds].filter(([, known]) => known.group === istioGroup).map(([name]) => name)
  const near = nearestWord(kind, ofGroup)
  return near === null ? { status: "other" } : { status: "wrong-version", hint: `did you mean kind "${near}"?` }
}

/** Metadata with defaults; `name` is "" when it is missing or wrong, which is then an error in `findings`. */
export function readMetadata(object: RawObject, findings: Findings): Metadata {
  const raw = object["metadata"]
  const silent: Metadata = { name: "", namespace: "default", labels: {}, annotations: {}, creationUnixMs: 0 }
  const name = typeof raw === "object" && raw !== null && "name" in raw ? raw.name : undefined
  if (name === undefined || name === null || name === "") {
    findings.error("P1205", ["metadata"], "`metadata.name` is required", "give every resource a name of its own")
    return silent
  }
  const metadata = parseWithSchema(objectMetadata, raw, ["metadata"], findings)
  if (metadata === null) return silent
  return {
    name: metadata.name,
    namespace: metadata.namespace ?? "default",
    labels: metadata.labels ?? {},
    annotations: metadata.annotations ?? {},
    creationUnixMs: metadata.creationTimestamp == null ? 0 : Date.parse(metadata.creationTimestamp),
  }
}

function istio(read: ReadResource): KnownKind {
  return { group: istioGroup, versions: istioVersions, read }
}

function kubernetes(group: string, read: ReadResource): KnownKind {
  return { group, versions: ["v1"], read }
}

const istioFields = ["apiVersion", "kind", "metadata", "spec", "status"]

function readSpec<T>(schema: z.ZodType<T>, object: RawObject, findings: Findings): T | null {
  let known = true
  for (const key of Object.keys(object)) {
    if (istioFields.includes(key)) continue
    const near = nearestWord(key, istioFields)
    const hint = near === null ? "fields of the resource stand under `spec`" : `did you mean "${near}"?`
    findings.error("P2001", [key], `unknown field \`${key}\``, hint, "key")
    known = false
  }
  const spec = parseWithSchema(schema, object["spec"] ?? {}, ["spec"], findings)
  return known ? spec : null
}

function readBody<T>(schema: z.ZodType<T>, object: RawObject, findings: Findings): T | null {
  const { apiVersion: _apiVersion, kind: _kind, metadata: _metadata, ...body } = object
  return parseWithSchema(schema, body, [], findings)
}
