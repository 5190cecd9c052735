/**
 * Fields of the API that Portcullis understands but does not honour yet. Setting one is a warning (P2901) that names
 * it: never silence. One line per field; a line is deleted in the change that honours its field.
 *
 * Fields that only name things (`statPrefix`) or that no gateway can act on are not listed.
 */
import type { Findings } from "./findings.ts"
import type { Resource } from "./resources.ts"
import type { FieldPath } from "./span-tree.ts"

interface NotHonoured {
  readonly kind: Resource["kind"]
  /** `[]` stands for every item of a list, `POLICY` for each of `policyPlaces`. */
  readonly path: string
  /** Only these values are not honoured (any case); absent = any value. */
  readonly values?: readonly string[]
  /** Why, where it is not for lack of time; said as a hint. */
  readonly because?: string
}

/** Bun lets us say when probes begin, and sets the rest itself. */
const onlyTheSystem = "only `time` can be set here; the number of probes and their interval are fixed"

const table: readonly NotHonoured[] = [
  { kind: "Gateway", path: "spec.servers[].defaultEndpoint" },

  { kind: "DestinationRule", path: "POLICY.connectionPool.tcp.tcpKeepalive.interval", because: onlyTheSystem },
  { kind: "DestinationRule", path: "POLICY.connectionPool.tcp.tcpKeepalive.probes", because: onlyTheSystem },
  { kind: "DestinationRule", path: "spec.trafficPolicy.tunnel" },
  { kind: "DestinationRule", path: "spec.subsets[].trafficPolicy.tunnel" },

  { kind: "ServiceEntry", path: "spec.resolution", values: ["DYNAMIC_DNS"] },
  { kind: "ServiceEntry", path: "spec.addresses" },
]

/** Where a DestinationRule's policy for a port can stand. */
const policyPlaces = [
  "spec.trafficPolicy",
  "spec.trafficPolicy.portLevelSettings[]",
  "spec.subsets[].trafficPolicy",
  "spec.subsets[].trafficPolicy.portLevelSettings[]",
]

interface CompiledLine extends NotHonoured {
  /** Field names; "[]" for every item. */
  readonly steps: readonly string[]
}

const linesOfKind: ReadonlyMap<string, readonly CompiledLine[]> = Map.groupBy(
  table.flatMap((line) =>
    placesOf(line.path).map((path) => ({ ...line, steps: path.replaceAll("[]", ".[]").split(".") })),
  ),
  (line) => line.kind,
)

function placesOf(path: string): readonly string[] {
  return path.startsWith("POLICY.") ? policyPlaces.map((place) => path.replace("POLICY", place)) : [path]
}

/** Warns of every set field that the table lists for this kind. */
export function warnOfFieldsNotHonoured(resource: Resource, findings: Findings): void {
  for (const line of linesOfKind.get(resource.kind) ?? []) walk(resource, line, 0, [], findings)
}

function walk(value: unknown, line: CompiledLine, depth: number, path: FieldPath, findings: Findings): void {
  if (value === undefined || value === null) return
  const step = line.steps[depth]
  if (step === undefined) {
    report(value, line, path, findings)
  } else if (step === "[]") {
    if (!Array.isArray(value)) return
    for (const [index, item] of value.entries()) walk(item, line, depth + 1, [...path, index], findings)
  } else if (typeof value === "object" && Object.hasOwn(value, step)) {
    walk(Reflect.get(value, step), line, depth + 1, [...path, step], findings)
  }
}

function report(value: unknown, line: CompiledLine, path: FieldPath, findings: Findings): void {
  if (line.values === undefined) {
    findings.warning(
      "P2901",
      path,
      `\`${path.at(-1)}\` is not honoured yet: it has no effect here`,
      line.because ?? "",
      "key",
    )
  } else if (typeof value === "string" && line.values.includes(value.toUpperCase())) {
    findings.warning("P2901", path, `\`${path.at(-1)}: ${value}\` is not honoured yet: it has no effect here`)
  }
}
