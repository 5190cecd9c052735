/**
 * VirtualService, `spec.http`: every field does what it does in Istio. Each group is a table of cases, see
 * `conformance-case.ts`; `docs/virtual-service.md` is the same in prose.
 */

import { runGroup } from "./conformance-group.ts"
import { destinations, unknownDestinations } from "./destinations.cases.ts"
import { directResponse } from "./direct-response.cases.ts"
import { headers } from "./headers.cases.ts"
import { anyHost, hosts } from "./hosts.cases.ts"
import { matchHeaders } from "./match-headers.cases.ts"
import { matchOther } from "./match-other.cases.ts"
import { matchUri } from "./match-uri.cases.ts"
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
]

for (const group of groups) runGroup(group)
