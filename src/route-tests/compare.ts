/** An expectation against an explanation: what differs, in the words of the test file. */
import { parseDurationMs } from "../config/duration.ts"
import type { ExplainedCluster, Explanation, Outcome } from "../explain/explanation.ts"
import type { RequestHeader } from "../explain/request-to-explain.ts"
import type { Expectation, ExpectedDestination } from "./route-test-schema.ts"

export interface Difference {
  /** As in `response.headers.location`. */
  readonly field: string
  readonly expected: string
  readonly actual: string
}

/** Shares of a weighted rule are exact to four digits. */
const weightTolerance = 0.0001

/** Empty = everything that is expected holds. */
export function compare(expectation: Expectation, explanation: Explanation): readonly Difference[] {
  const { rule, virtualHost, outcomes } = explanation
  const found: Difference[] = []
  const expectText = (field: string, expected: string | undefined, actual: string): void => {
    if (expected !== undefined && expected !== actual) found.push({ field, expected, actual: orNone(actual) })
  }
  expectText("connection", expectation.connection, outcomes.length === 0 ? "closed" : "open")
  expectText("virtualHost", expectation.virtualHost, virtualHost?.name ?? "")
  expectText("virtualService", expectation.virtualService, rule?.virtualService ?? "")
  if (expectation.rule !== undefined && rule?.name !== expectation.rule) {
    found.push({ field: "rule", expected: orNone(expectation.rule), actual: describeRule(explanation) })
  }
  found.push(...compareTimeout(expectation.timeout, explanation))
  if (expectation.destination !== undefined)
    found.push(...compareDestinations("destination", [expectation.destination], outcomes))
  if (expectation.destinations !== undefined)
    found.push(...compareDestinations("destinations", expectation.destinations, outcomes))
  // What is expected of a request holds wherever the draw sends it.
  for (const outcome of outcomes) {
    for (const difference of [...compareUpstream(expectation, outcome), ...compareResponse(expectation, outcome)]) {
      if (!found.some((known) => known.field === difference.field)) found.push(difference)
    }
  }
  if (outcomes.length === 0) {
    const actual = "the connection is closed"
    if (expectation.upstream !== undefined) found.push({ field: "upstream", expected: "a forwarded request", actual })
    if (expectation.response !== undefined) found.push({ field: "response", expected: "an answer", actual })
  }
  return found
}

function describeRule({ rule }: Explanation): string {
  if (rule === null) return "none"
  return rule.name === "" ? `an unnamed rule (${rule.location})` : rule.name
}

function compareTimeout(expected: string | undefined, { rule }: Explanation): readonly Difference[] {
  if (expected === undefined) return []
  const expectedMs = expected === "none" ? 0 : parseDurationMs(expected)
  const actualMs = rule?.policies?.timeoutMs ?? 0
  if (expectedMs === actualMs) return []
  return [{ field: "timeout", expected, actual: actualMs === 0 ? "none" : `${actualMs}ms` }]
}

/** The same destinations, whatever their order; weights only where they are expected. */
function compareDestinations(
  field: string,
  expected: readonly ExpectedDestination[],
  outcomes: readonly Outcome[],
): readonly Difference[] {
  const left = [...outcomes]
  const isEach = expected.every((one) => {
    const index = left.findIndex((outcome) => isDestination(one, outcome))
    if (index >= 0) left.splice(index, 1)
    return index >= 0
  })
  if (isEach && left.length === 0) return []
  return [
    {
      field,
      expected: expected.map(describeExpected).join(", "),
      actual: outcomes.map(describeActual).join(", ") || "none",
    },
  ]
}

function isDestination(expected: ExpectedDestination, { cluster, sharePercent }: Outcome): boolean {
  if (cluster === null) return false
  const { host, port, subset } = clusterParts(cluster)
  return (
    (host === expected.host || (!expected.host.includes(".") && isServiceNamed(host, expected.host))) &&
    (expected.port === undefined || expected.port === port) &&
    (expected.subset ?? "") === subset &&
    (expected.weight === undefined || Math.abs(expected.weight - sharePercent) <= weightTolerance)
  )
}

/** `catalog` is `catalog.NAMESPACE.svc.cluster.local`. */
function isServiceNamed(host: string, name: string): boolean {
  return host.startsWith(`${name}.`) && host.endsWith(".svc.cluster.local")
}

/** `outbound|PORT|SUBSET|HOST` */
function clusterParts(cluster: ExplainedCluster): { host: string; port: number; subset: string } {
  const [, port = "", subset = "", host = ""] = cluster.name.split("|")
  return { host, port: Number(port), subset }
}

function describeExpected({ host, port, subset, weight }: ExpectedDestination): string {
  return describeDestination(host, port ?? null, subset ?? "", weight ?? null)
}

function describeActual({ cluster, sharePercent, response }: Outcome): string {
  if (cluster === null) return `none: the gateway answers ${response?.status ?? ""} itself`
  const { host, port, subset } = clusterParts(cluster)
  return describeDestination(host, port, subset, sharePercent === 100 ? null : sharePercent)
}

function describeDestination(host: string, port: number | null, subset: string, weight: number | null): string {
  const place = port === null ? host : `${host}:${port}`
  return `${place}${subset === "" ? "" : ` subset ${subset}`}${weight === null ? "" : ` ${weight} %`}`
}

function compareUpstream({ upstream }: Expectation, outcome: Outcome): readonly Difference[] {
  if (upstream === undefined) return []
  const { upstreamRequest, response } = outcome
  if (upstreamRequest === null) {
    const actual = `the gateway answers ${response?.status ?? ""} itself (${response?.details ?? ""})`
    return [{ field: "upstream", expected: "a forwarded request", actual }]
  }
  const found: Difference[] = []
  const pairs = [
    ["upstream.method", upstream.method, upstreamRequest.method],
    ["upstream.path", upstream.path, upstreamRequest.path],
    ["upstream.host", upstream.host, upstreamRequest.authority],
  ] as const
  for (const [field, expected, actual] of pairs) {
    if (expected !== undefined && expected !== actual) found.push({ field, expected, actual })
  }
  return [...found, ...compareHeaders("upstream.headers", upstream.headers, upstreamRequest.headers)]
}

function compareResponse({ response: expected }: Expectation, outcome: Outcome): readonly Difference[] {
  if (expected === undefined) return []
  const { response, cluster } = outcome
  if (response === null) {
    const actual = `the request is forwarded to ${cluster?.name ?? ""}`
    return [{ field: "response", expected: "an answer of the gateway itself", actual }]
  }
  const found: Difference[] = []
  if (expected.status !== undefined && expected.status !== response.status) {
    found.push({ field: "response.status", expected: String(expected.status), actual: String(response.status) })
  }
  if (expected.body !== undefined && expected.body !== response.body) {
    found.push({
      field: "response.body",
      expected: JSON.stringify(expected.body),
      actual: JSON.stringify(response.body),
    })
  }
  return [...found, ...compareHeaders("response.headers", expected.headers, response.headers)]
}

function compareHeaders(
  field: string,
  expected: Readonly<Record<string, string | null>> | undefined,
  headers: readonly RequestHeader[],
): readonly Difference[] {
  return Object.entries(expected ?? {}).flatMap(([name, value]) => {
    const values = headers.filter((header) => header.name.toLowerCase() === name.toLowerCase())
    const actual = values.length === 0 ? null : values.map((header) => header.value).join(", ")
    return actual === value
      ? []
      : [{ field: `${field}.${name}`, expected: value ?? "absent", actual: actual ?? "absent" }]
  })
}

function orNone(text: string): string {
  return text === "" ? "none" : text
}
