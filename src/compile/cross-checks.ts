/**
 * What is wrong between resources that are each right by themselves, and that no step of compiling comes across by
 * itself: hosts that no server knows. What the steps do come across is reported where it is decided;
 * docs/diagnostics-cross-checks.md lists all of it.
 */
import type { Steps } from "../config/steps.ts"
import type { BoundVirtualService } from "./bind-virtual-services.ts"
import type { Report } from "./report.ts"

/** @param bound after every server has been asked. */
export function* reportUnmetHosts(bound: readonly BoundVirtualService[], report: Report): Steps<void> {
  for (const { resource, isHostMet } of bound) {
    yield
    for (const [index, isMet] of isHostMet.entries()) {
      if (isMet) continue
      const written = resource.spec.hosts?.[index] ?? ""
      const isShort = !written.includes(".") && written !== "*"
      report.add({
        severity: "warning",
        code: "P3002",
        resource,
        path: ["spec", "hosts", index],
        message: `host "${written}" meets no server of the Gateways it names: it is never served`,
        hint: isShort
          ? `a short name stands for a service of the cluster, never for a request's Host "${written}"`
          : "a server's hosts must contain it, or a wildcard that covers it, for this namespace",
      })
    }
  }
}
