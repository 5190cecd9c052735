/** Wrong usage, as a value: what is wrong, and what to write instead. Exit code 2. */

export interface UsageError {
  readonly kind: "usage-error"
  readonly message: string
  /** "" = none. */
  readonly hint: string
}

export function usageError(message: string, hint = ""): UsageError {
  return { kind: "usage-error", message, hint }
}

export function isUsageError(value: unknown): value is UsageError {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "usage-error"
}

/** As it goes to stderr. */
export function renderUsageError(error: UsageError): string {
  return error.hint === "" ? `portcullis: ${error.message}\n` : `portcullis: ${error.message}\n  hint: ${error.hint}\n`
}
