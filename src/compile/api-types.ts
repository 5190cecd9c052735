/** Short names for the nested pieces of the API's resources that several files here take apart. */
import type {
  DestinationRuleResource,
  GatewayResource,
  ServiceEntryResource,
  VirtualServiceResource,
} from "../config/resources.ts"

export type Server = NonNullable<GatewayResource["spec"]["servers"]>[number]
export type ServerTls = NonNullable<Server["tls"]>

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

export type TlsRule = NonNullable<VirtualServiceResource["spec"]["tls"]>[number]
export type TcpRule = NonNullable<VirtualServiceResource["spec"]["tcp"]>[number]
/** What a match block of either looks at on a gateway. */
export type Layer4Match = Pick<TlsRule["match"][number], "port" | "gateways">
export type Layer4Destination = NonNullable<TcpRule["route"]>[number]

export type TrafficPolicy = NonNullable<DestinationRuleResource["spec"]["trafficPolicy"]>
export type Subset = NonNullable<DestinationRuleResource["spec"]["subsets"]>[number]

export type ServiceEntryPort = NonNullable<ServiceEntryResource["spec"]["ports"]>[number]
