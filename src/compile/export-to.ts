/**
 * Who may see a resource: `exportTo` (Istio semantics sheet 1.5 (2), 2.1 (2)).
 * Source: Istio `pilot/pkg/model/push_context.go` (`initVirtualServices`).
 */

/** How near an exported resource is to the namespace that looks: nearer ones come first. */
export const Nearness = Object.freeze({
  invisible: -1,
  /** Private to the namespace itself. */
  private: 0,
  /** Exported to the namespace by name. */
  named: 1,
  public: 2,
})

/**
 * @param exportTo  as written; absent or empty = everyone.
 * @param owner     namespace of the resource.
 * @param viewer    namespace of the gateway (or of the rule that refers to the resource).
 * @returns one of `Nearness`.
 */
export function nearness(exportTo: readonly string[] | undefined, owner: string, viewer: string): number {
  if (exportTo === undefined || exportTo.length === 0 || exportTo.includes("*")) return Nearness.public
  if (owner === viewer && (exportTo.includes(".") || exportTo.includes(owner))) return Nearness.private
  return exportTo.includes(viewer) ? Nearness.named : Nearness.invisible
}

export function isVisible(exportTo: readonly string[] | undefined, owner: string, viewer: string): boolean {
  return nearness(exportTo, owner, viewer) !== Nearness.invisible
}
