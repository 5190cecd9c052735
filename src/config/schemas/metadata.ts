/**
 * The part every Kubernetes object has: apiVersion, kind, metadata, and the status we do not read.
 * Metadata is the one place that is lenient about null and unknown fields: tools write `creationTimestamp: null`,
 * `managedFields` and the like, and nothing in there decides about traffic.
 */
import { z } from "zod"
import { fieldProblem, text } from "../field-problem.ts"

/** RFC 1123 subdomain, as Kubernetes names objects. */
const objectName = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/
const objectNameMax = 253
const namespaceName = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/

const stringMap = z.record(z.string(), z.string()).nullish()

export const objectMetadata = z.looseObject({
  name: text((value) =>
    objectName.test(value) && value.length <= objectNameMax
      ? null
      : fieldProblem(
          "P1205",
          `\`${value}\` is not a resource name`,
          "lower-case letters, digits, hyphens and dots, at most 253 characters",
        ),
  ),
  namespace: text((value) =>
    namespaceName.test(value)
      ? null
      : fieldProblem("P1205", `\`${value}\` is not a namespace`, "lower-case letters, digits and hyphens, at most 63"),
  ).nullish(),
  labels: stringMap,
  annotations: stringMap,
  creationTimestamp: text((value) =>
    Number.isNaN(Date.parse(value)) ? fieldProblem("P2013", "creationTimestamp must be an RFC 3339 time") : null,
  ).nullish(),
})
