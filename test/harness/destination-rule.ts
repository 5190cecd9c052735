/** A DestinationRule for the service that `routesTo` makes. */
import { SERVICE_HOST, yamlOf } from "./routes-to.ts"

/** @param trafficPolicy as YAML's JSON subset */
export function destinationRuleYaml(trafficPolicy: object, host: string = SERVICE_HOST): string {
  return JSON.stringify({
    apiVersion: "networking.istio.io/v1",
    kind: "DestinationRule",
    metadata: { name: host.replaceAll(".", "-") },
    spec: { host, trafficPolicy },
  })
}

/** A configuration with a rule for its one service. */
export function withPolicy(yaml: string, trafficPolicy: object): string {
  return yamlOf(yaml, destinationRuleYaml(trafficPolicy))
}
