/** Fails clearly at start-up on a Bun that lacks a hook the data path is built on. */

/** @returns what is missing, as text; "" = all is there. */
export function missingRuntimeHooks(): string {
  const missing: string[] = []
  const buffer: object = Buffer.alloc(1)
  for (const name of ["latin1Slice", "latin1Write"]) if (!(name in buffer)) missing.push(`Buffer.prototype.${name}`)
  if (typeof Bun.listen !== "function") missing.push("Bun.listen")
  if (typeof Bun.connect !== "function") missing.push("Bun.connect")
  return missing.join(", ")
}
