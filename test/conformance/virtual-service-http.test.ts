/**
 * VirtualService, `spec.http`: every field does what it does in Istio. Each group is a table of cases, see
 * `conformance-case.ts`; `docs/virtual-service.md` is the same in prose.
 */

import { expect, test } from "bun:test"
import { runGroup } from "./conformance-group.ts"
import { corsCases } from "./cors.cases.ts"
import { delegateCases } from "./delegate.cases.ts"
import { destinations, unknownDestinations } from "./destinations.cases.ts"
import { directResponse } from "./direct-response.cases.ts"
import { faultCases } from "./fault.cases.ts"
import { headers } from "./headers.cases.ts"
import { anyHost, hosts } from "./hosts.cases.ts"
import { localReplies } from "./local-replies.cases.ts"
import { matchHeaders } from "./match-headers.cases.ts"
import { matchOther } from "./match-other.cases.ts"
import { matchUri } from "./match-uri.cases.ts"
import { mirrorCases } from "./mirror.cases.ts"
import { redirectCases } from "./redirect.cases.ts"
import { retriesCases } from "./retries.cases.ts"
import { rewriteCases } from "./rewrite.cases.ts"
import { severalVirtualServices } from "./several-virtual-services.cases.ts"
import { timeout } from "./timeout.cases.ts"

const groups = [
  matchUri,
  matchHeaders,
  matchOther,
  hosts,
  anyHost,
  severalVirtualServices,
  rewriteCases,
  redirectCases,
  directResponse,
  headers,
  destinations,
  unknownDestinations,
  timeout,
  retriesCases,
  faultCases,
  mirrorCases,
  corsCases,
  delegateCases,
  localReplies,
]

for (const group of groups) runGroup(group)

const names = groups.flatMap((group) => group.cases.map(({ name }) => `${group.name} ${name}`))

test("no two cases of a group have one name", () => {
  expect(names.length).toBe(new Set(names).size)
})

/**
 * The facts of the semantics sheet's section 14 that plain HTTP can show. TLS (13, 14) and DestinationRule (35, 36) have
 * theirs in the tests of those rooms.
 */
const facts = [
  ...[
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33,
  ],
  ...[34, 37, 40, 46, 47, 48],
]

test("each fact that is frequently got wrong has a case that names it", () => {
  const named = new Set(
    names.flatMap((name) => [...name.matchAll(/\(facts? ([\d, ]+)\)/g)].flatMap(([, list = ""]) => list.split(", "))),
  )
  expect(facts.filter((fact) => !named.has(String(fact)))).toEqual([])
})
