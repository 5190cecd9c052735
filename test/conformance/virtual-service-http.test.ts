/**
 * VirtualService, `spec.http`: every field does what it does in Istio. Each group is a table of cases, see
 * `conformance-case.ts`; `docs/virtual-service.md` is the same in prose.
 */

import { runGroup } from "./conformance-group.ts"
import { matchHeaders } from "./match-headers.cases.ts"
import { matchUri } from "./match-uri.cases.ts"

for (const group of [matchUri, matchHeaders]) runGroup(group)
