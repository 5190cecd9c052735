/**
 * Typed resources: what `config/` hands to `compile/`. Field names and nesting are exactly the API's
 * (networking.istio.io, core v1, discovery.k8s.io v1); values have passed the strict schemas.
 */
import type { z } from "zod"
import type { SourceLocation } from "../compile/snapshot.ts"
import type { destinationRuleSpec } from "./schemas/destination-rule.ts"
import type { gatewaySpec } from "./schemas/gateway.ts"
import type { endpointSliceBody, endpointsBody, secretBody, serviceBody } from "./schemas/kubernetes.ts"
import type { serviceEntrySpec, workloadEntrySpec } from "./schemas/service-entry.ts"
import type { virtualServiceSpec } from "./schemas/virtual-service.ts"

export interface Metadata {
  readonly name: string
  /** `default` where the file is silent. */
  readonly namespace: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  /** Milliseconds since the epoch; 0 when the file is silent. */
  readonly creationUnixMs: number
}

/** Finds where a field stands in its file: `locate(["spec", "http", 0])`. The nearest existing parent when it does not exist. */
export type Locate = (path: readonly (string | number)[]) => SourceLocation & { readonly endColumn: number }

interface ResourceBase<Kind extends string> {
  readonly kind: Kind
  readonly metadata: Metadata
  readonly locate: Locate
}

export interface GatewayResource extends ResourceBase<"Gateway"> {
  readonly spec: z.output<typeof gatewaySpec>
}
export interface VirtualServiceResource extends ResourceBase<"VirtualService"> {
  readonly spec: z.output<typeof virtualServiceSpec>
}
export interface DestinationRuleResource extends ResourceBase<"DestinationRule"> {
  readonly spec: z.output<typeof destinationRuleSpec>
}
export interface ServiceEntryResource extends ResourceBase<"ServiceEntry"> {
  readonly spec: z.output<typeof serviceEntrySpec>
}
export interface WorkloadEntryResource extends ResourceBase<"WorkloadEntry"> {
  readonly spec: z.output<typeof workloadEntrySpec>
}
/** Kubernetes kinds without a `spec`, or with fields beside it: `body` is the object without apiVersion, kind, metadata. */
export interface SecretResource extends ResourceBase<"Secret"> {
  readonly body: z.output<typeof secretBody>
}
export interface ServiceResource extends ResourceBase<"Service"> {
  readonly body: z.output<typeof serviceBody>
}
export interface EndpointSliceResource extends ResourceBase<"EndpointSlice"> {
  readonly body: z.output<typeof endpointSliceBody>
}
export interface EndpointsResource extends ResourceBase<"Endpoints"> {
  readonly body: z.output<typeof endpointsBody>
}

export type Resource =
  | GatewayResource
  | VirtualServiceResource
  | DestinationRuleResource
  | ServiceEntryResource
  | WorkloadEntryResource
  | SecretResource
  | ServiceResource
  | EndpointSliceResource
  | EndpointsResource
