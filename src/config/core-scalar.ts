/**
 * What a plain (unquoted) YAML scalar means under the 1.2 core schema: null, a boolean, a number, or text.
 * Source: YAML 1.2.2 section 10.3.2, Tag Resolution. `yes`, `on` and `1_000` are text, unlike in YAML 1.1.
 */

const integer = /^[-+]?[0-9]+$/
const float = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/
const radixInteger = /^0(?:o[0-7]+|x[0-9a-fA-F]+)$/
const special = /^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/

export function resolveCoreScalar(text: string): string | number | boolean | null {
  if (!mayBeSpecial(text)) return text
  switch (text) {
    case "":
    case "~":
    case "null":
    case "Null":
    case "NULL":
      return null
    case "true":
    case "True":
    case "TRUE":
      return true
    case "false":
    case "False":
    case "FALSE":
      return false
    default:
      return resolveNumber(text) ?? text
  }
}

/** Only these first characters can begin anything but text; most scalars leave here. */
function mayBeSpecial(text: string): boolean {
  if (text === "") return true
  const first = text.charCodeAt(0)
  if (first >= 0x30 && first <= 0x39) return true
  return "+-.~nNtTfF".includes(text.charAt(0))
}

function resolveNumber(text: string): number | null {
  if (integer.test(text) || float.test(text)) return Number(text)
  if (radixInteger.test(text)) return Number(text)
  if (!special.test(text)) return null
  if (/nan/i.test(text)) return Number.NaN
  return text.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
}
