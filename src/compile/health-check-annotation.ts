/**
 * Active health checks by annotation on a ServiceEntry or Service:
 *
 *   portcullis.dev/health-check: path=/healthz interval=5s timeout=1s healthy=2 unhealthy=3
 *
 * Istio has them only inside the mesh (a sidecar probes its own workload), Envoy has them in its clusters.
 */
import { parseDurationMs } from "../config/duration.ts"
import type { Resource } from "../config/resources.ts"
import type { HealthCheckPolicy } from "./cluster-policies.ts"

export const healthCheckAnnotation = "portcullis.dev/health-check"

const healthCheckDefault: HealthCheckPolicy = Object.freeze({
  path: "/",
  intervalMs: 5_000,
  timeoutMs: 1_000,
  healthyThreshold: 2,
  unhealthyThreshold: 3,
})

/** A check costs a request per endpoint: more often than this is an attack on one's own service. */
const intervalMsMin = 100
const thresholdMax = 1_000

export type HealthCheckSetting =
  | { readonly kind: "none" }
  | { readonly kind: "policy"; readonly policy: HealthCheckPolicy }
  | { readonly kind: "invalid"; readonly problem: string }

export function healthCheckOf(resource: Resource | null): HealthCheckSetting {
  const text = resource?.metadata.annotations[healthCheckAnnotation]
  return text === undefined ? { kind: "none" } : parseHealthCheck(text)
}

/** @param text words `name=value`, separated by spaces or commas; what is not named has its default. */
export function parseHealthCheck(text: string): HealthCheckSetting {
  let policy = healthCheckDefault
  for (const word of text.split(/[\s,]+/).filter((each) => each !== "")) {
    const split = word.indexOf("=")
    const name = split < 0 ? word : word.slice(0, split)
    const value = split < 0 ? "" : word.slice(split + 1)
    const changed = withSetting(policy, name, value)
    if (typeof changed === "string") return { kind: "invalid", problem: changed }
    policy = changed
  }
  return { kind: "policy", policy }
}

/** @returns what is wrong, as text. */
function withSetting(policy: HealthCheckPolicy, name: string, value: string): HealthCheckPolicy | string {
  switch (name) {
    case "path":
      return /^\/[!-~]*$/.test(value) ? { ...policy, path: value } : "`path` must begin with a slash"
    case "interval":
    case "timeout": {
      const durationMs = parseDurationMs(value)
      if (durationMs === null || durationMs < intervalMsMin) return `\`${name}\` must be a duration of 100ms or more`
      return name === "interval" ? { ...policy, intervalMs: durationMs } : { ...policy, timeoutMs: durationMs }
    }
    case "healthy":
    case "unhealthy": {
      const count = /^\d{1,4}$/.test(value) ? Number(value) : 0
      if (count < 1 || count > thresholdMax) return `\`${name}\` must be a number from 1 to ${thresholdMax}`
      return name === "healthy" ? { ...policy, healthyThreshold: count } : { ...policy, unhealthyThreshold: count }
    }
    default:
      return `unknown setting \`${name}\`: path, interval, timeout, healthy and unhealthy are known`
  }
}
