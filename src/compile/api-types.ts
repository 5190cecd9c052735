/** Short names for the nested pieces of the API's resources that several files here take apart. */
import type {
  DestinationRuleResource,
  GatewayResource,
  ServiceEntryResource,
  VirtualServiceResource,
} from "../config/resources.ts"

export type Server = NonNullable<GatewayResource["spec"]["servers"]>[number]

export type HttpRule = NonNullable<VirtualServiceResource["spec"]["http"]>[number]
export type HttpMatch = NonNullable<HttpRule["match"]>[number]
export type StringMatch = NonNullable<HttpMatch["uri"]>
export type RouteDestination = NonNullable<HttpRule["route"]>[number]
export type Destination = RouteDestination["destination"]
export type Headers = NonNullable<HttpRule["headers"]>
export type HeaderOperations = NonNullable<Headers["request"]>
export type Retries = NonNullable<HttpRule["retries"]>
export type Fault = NonNullable<HttpRule["fault"]>
export type Cors = NonNullable<HttpRule["corsPolicy"]>
export type Redirect = NonNullable<HttpRule["redirect"]>
export type DirectResponse = NonNullable<HttpRule["directResponse"]>

export type TrafficPolicy = NonNullable<DestinationRuleResource["spec"]["trafficPolicy"]>
export type Subset = NonNullable<DestinationRuleResource["spec"]["subsets"]>[number]

export type ServiceEntryPort = NonNullable<ServiceEntryResource["spec"]["ports"]>[number]
