/**
 * The kinds of value that Istio's fields hold: durations, ports, hosts, regular expressions, header names and so on.
 * Each keeps the text as written; `compile/` turns it into numbers and matchers.
 * Source: Istio semantics sheet 2.4, 3, 13; istio/istio pkg/config/validation.
 */
import { RE2JS } from "re2js"
import { z } from "zod"
import { parseDurationMs } from "../duration.ts"
import { type FieldProblem, fieldProblem, refine, text } from "../field-problem.ts"
import { hostNameProblem, isDnsLabel, isIpAddress, isIpSubnet, wildcardHostProblem } from "../host-names.ts"

const regexCharactersMax = 1024
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const uint32Max = 4_294_967_295
const int32Max = 2_147_483_647

/** TCP port, 1 to 65535. */
export const portNumber = integerBetween(1, 65_535, "a port is a whole number from 1 to 65535")
/** TCP port where 0 has a meaning of its own (a Gateway server on a unix socket). */
export const portNumberOrZero = integerBetween(0, 65_535, "a port is a whole number from 0 to 65535")
export const uint32 = integerBetween(0, uint32Max, `expected a whole number from 0 to ${uint32Max}`)
export const int32 = integerBetween(-int32Max - 1, int32Max, `expected a whole number of 32 bits`)
export const nonNegativeInt32 = integerBetween(0, int32Max, `expected a whole number from 0 to ${int32Max}`)
/** Sizes that protobuf holds in 64 bits; beyond 2^53 a JSON number is not exact any more. */
export const uint64 = integerBetween(0, Number.MAX_SAFE_INTEGER, "expected a whole number, not negative")
/** Whole percentage. */
export const wholePercent = integerBetween(0, 100, "a percentage is a whole number from 0 to 100")
/** `{ value: 12.5 }`: Istio's Percent, granularity 0.0001. */
export const percent = z.strictObject({
  value: z
    .number()
    .superRefine(refine((value) => (value >= 0 && value <= 100 ? null : outOfRange("a percentage is from 0 to 100"))))
    .optional(),
})

/** At least 1 ms: Istio's rule for durations that mean something. */
export const durationFromOneMs = text((value) => durationProblem(value, 1))
/** 0 is allowed and switches something off. */
export const durationOrZero = text((value) => {
  const durationMs = parseDurationMs(value)
  return durationMs === 0 ? null : durationProblem(value, 1)
})

export const dnsLabel = text((value) =>
  isDnsLabel(value)
    ? null
    : fieldProblem("P2010", `\`${value}\` is not a DNS label`, "letters, digits and hyphens, at most 63 characters"),
)
export const hostName = text((value) => hostProblem(value, isIpAddress(value) ? null : hostNameProblem(value)))
/** Short names, `*` and `*.suffix` allowed. */
export const wildcardHost = text((value) => hostProblem(value, wildcardHostProblem(value)))
export const ipSubnet = text((value) =>
  isIpSubnet(value) ? null : fieldProblem("P2008", `\`${value}\` is neither an IP address nor a subnet in CIDR form`),
)

/** Host/`:authority` text: a name or address with an optional port, nothing that could break a header. */
export const authority = text((value) =>
  /^[^\s/?#@\u0000-\u0020\u007f]+$/.test(value)
    ? null
    : fieldProblem("P2008", `\`${printable(value)}\` is not a host with an optional port`),
)

/** RE2, as Istio: at most 1024 characters. */
export const regex = text(regexProblem)
/** The same, and a lone `*`, which means "present" where header and query values are matched. */
export const regexOrPresent = text((value) => (value === "*" ? null : regexProblem(value)))
export const nonEmpty = text((value) => (value === "" ? fieldProblem("P2011", "this cannot be empty") : null))

export const headerName = text(headerNameProblem)
export const headerValue = text((value) =>
  /[\0-\x08\x0a-\x1f\x7f]/.test(value)
    ? fieldProblem(
        "P2012",
        "a header value cannot contain a line break or another control character",
        "put the value on one line",
      )
    : null,
)
/** A header's name where Envoy's pseudo-headers and Istio's JWT claims are matched too. */
export const matchedHeaderName = text((value) =>
  value.startsWith(":") || value.startsWith("@request.auth.") ? null : headerNameProblem(value),
)

export const base64 = text((value) =>
  /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/.test(value.replace(/[\r\n]/g, ""))
    ? null
    : fieldProblem("P2014", "this is not base64", "encode it: base64 -w0 FILE"),
)

export const labels = z.record(z.string(), z.string())
/** `.`, `*`, `~` or a namespace. */
export const exportTo = z.array(
  text((value) =>
    value === "." || value === "*" || value === "~" || isDnsLabel(value)
      ? null
      : fieldProblem("P2010", `\`${value}\` is not a namespace`, "use `.`, `*` or the name of a namespace"),
  ),
)

/** Whole numbers with a range and one sentence for everything outside. */
export function integerBetween(min: number, max: number, sentence: string): z.ZodNumber {
  return z
    .number()
    .superRefine(
      refine((value) => (Number.isInteger(value) && value >= min && value <= max ? null : outOfRange(sentence))),
    )
}

export function regexProblem(value: string): FieldProblem | null {
  if (value === "") return fieldProblem("P2011", "a regular expression cannot be empty")
  if (value.length > regexCharactersMax) {
    return fieldProblem("P2009", `a regular expression cannot be longer than ${regexCharactersMax} characters`)
  }
  try {
    RE2JS.compile(value)
    return null
  } catch (error) {
    // The library's way to say what is wrong with the expression.
    const reason = error instanceof Error ? error.message : "not understood"
    return fieldProblem("P2009", `not an RE2 regular expression: ${reason}`, regexHint(value))
  }
}

function regexHint(value: string): string {
  if (/\(\?<?[=!]/.test(value)) return "RE2 has no look-ahead and no look-behind"
  if (/\\[1-9]/.test(value)) return "RE2 has no back-references"
  if (value.startsWith("*")) return 'to match anything write ".*"'
  return ""
}

function headerNameProblem(value: string): FieldProblem | null {
  return token.test(value) ? null : fieldProblem("P2012", `\`${printable(value)}\` is not a header name`)
}

function durationProblem(value: string, minMs: number): FieldProblem | null {
  const durationMs = parseDurationMs(value)
  if (durationMs === null) {
    const hint = /^\d+(\.\d+)?$/.test(value) ? `add a unit: \`${value}s\`` : "write it like `1.5s`, `250ms` or `1h30m`"
    return fieldProblem("P2007", `\`${printable(value)}\` is not a duration`, hint)
  }
  return durationMs >= minMs ? null : fieldProblem("P2007", `a duration here must be at least ${minMs}ms`)
}

function hostProblem(value: string, problem: string | null): FieldProblem | null {
  return problem === null ? null : fieldProblem("P2008", `host \`${printable(value)}\`: ${problem}`)
}

function outOfRange(sentence: string): FieldProblem {
  return fieldProblem("P2005", sentence)
}

/** User text for a message: control characters shown, length bounded. */
export function printable(value: string): string {
  const short = value.length > 80 ? `${value.slice(0, 77)}...` : value
  return short.replace(/[\u0000-\u001f\u007f]/g, (character) => JSON.stringify(character).slice(1, -1))
}
