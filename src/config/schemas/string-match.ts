/**
 * Istio's StringMatch: exactly one of `exact`, `prefix`, `regex` (Istio semantics sheet 2.4).
 */
import { z } from "zod"
import { atMostOne, exactlyOne, refine } from "../field-problem.ts"
import { nonEmpty, regex, regexOrPresent } from "./field-values.ts"

const fields = ["exact", "prefix", "regex"] as const

export const stringMatch = z
  .strictObject({
    exact: z.string().optional(),
    prefix: nonEmpty.optional(),
    regex: regex.optional(),
  })
  .superRefine(refine(exactlyOne(...fields)))

/** Paths: an empty prefix is allowed and matches everything. */
export const uriMatch = z
  .strictObject({
    exact: z.string().optional(),
    prefix: z.string().optional(),
    regex: regex.optional(),
  })
  .superRefine(refine(exactlyOne(...fields)))

/** Header and query values: `{}` and `regex: "*"` mean "present". */
export const presenceMatch = z
  .strictObject({
    exact: z.string().optional(),
    prefix: nonEmpty.optional(),
    regex: regexOrPresent.optional(),
  })
  .superRefine(refine(atMostOne(...fields)))
