/**
 * Whether retries may deliver a request twice whose method is not idempotent, by annotation on a VirtualService:
 *
 *   portcullis.dev/retry-non-idempotent: "false"
 *
 * Istio and Envoy retry by condition and never ask for the method: `retryOn: 5xx` sends a POST again that the service may
 * have carried out. Without the annotation so do we.
 */
import type { VirtualServiceResource } from "../config/resources.ts"
import type { Steps } from "../config/steps.ts"
import type { BoundVirtualService } from "./bind-virtual-services.ts"
import type { Report } from "./report.ts"

export const nonIdempotentAnnotation = "portcullis.dev/retry-non-idempotent"

/** @returns null when it cannot be read. */
export function repeatsNonIdempotent({ metadata }: VirtualServiceResource): boolean | null {
  const text = metadata.annotations[nonIdempotentAnnotation]
  if (text === undefined || text === "true") return true
  return text === "false" ? false : null
}

export function* reportUnreadableAnnotations(bound: readonly BoundVirtualService[], report: Report): Steps<void> {
  for (const { resource } of bound) {
    yield
    if (repeatsNonIdempotent(resource) !== null) continue
    report.add({
      severity: "error",
      code: "P3023",
      resource,
      path: ["metadata", "annotations", nonIdempotentAnnotation],
      message: `\`${nonIdempotentAnnotation}\` is neither "true" nor "false"`,
    })
  }
}
