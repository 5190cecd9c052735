/** Runs route tests against a snapshot: each request is explained, and the explanation compared. Sends nothing. */
import type { Snapshot } from "../compile/snapshot.ts"
import type { KnownCredentials } from "../explain/client-identity.ts"
import { Explainer } from "../explain/explainer.ts"
import type { Explanation } from "../explain/explanation.ts"
import type { RequestToExplain } from "../explain/request-to-explain.ts"
import { compare, type Difference } from "./compare.ts"
import type { LocatedRouteTest } from "./read-route-tests.ts"
import type { Expectation, RouteTest } from "./route-test-schema.ts"

export interface RouteTestResult {
  readonly name: string
  readonly file: string
  readonly line: number
  readonly request: string
  readonly passed: boolean
  readonly differences: readonly Difference[]
  /** How it came about, where it differs: the rule that won, why the expected one did not, remarks. */
  readonly reasons: readonly string[]
}

/** @param clientCertificates PEM by path, of every test that names one */
export function runRouteTests(
  tests: readonly LocatedRouteTest[],
  snapshot: Snapshot,
  credentials: KnownCredentials = new Map(),
  clientCertificates: ReadonlyMap<string, string> = new Map(),
): readonly RouteTestResult[] {
  const explainer = new Explainer(snapshot, credentials)
  return tests.map(({ test, file, line, clientCertificate }) => {
    const request = requestOf(test, clientCertificates.get(clientCertificate?.path ?? "") ?? "")
    const explanation = explainer.explain(request)
    const shown = `${request.method} ${request.url}`
    // The schema has refused what is no URL, and reading what is no certificate.
    if ("error" in explanation) throw new Error(explanation.error)
    const differences = compare(test.expect, explanation)
    const passed = differences.length === 0
    const reasons = passed ? [] : reasonsFor(test.expect, explanation)
    return { name: test.name, file, line, request: shown, passed, differences, reasons }
  })
}

function requestOf({ request }: RouteTest, clientCertificatePem: string): RequestToExplain {
  return {
    method: request.method ?? "GET",
    url: request.url,
    headers: Object.entries(request.headers ?? {}).map(([name, value]) => ({ name, value })),
    serverName: request.sni ?? null,
    gateway: request.gateway ?? null,
    clientCertificatePem,
  }
}

function reasonsFor(expectation: Expectation, { rule, passedOver, notes }: Explanation): readonly string[] {
  const expected = passedOver.filter(({ name }) => name !== "" && name === expectation.rule)
  return [
    ...expected.map(({ name, reason, location }) => `${name} was passed over: ${reason}  ${location}`),
    ...(rule === null
      ? []
      : [`${rule.name === "" ? "an unnamed rule" : rule.name} matches: ${rule.match}  ${rule.location}`]),
    ...notes,
  ]
}
