/** A configuration without a listener is right, and almost never what somebody wants: an empty folder is one. */
import type { Snapshot } from "../compile/snapshot.ts"

/** @returns "" where something is listened on. */
export function whyNothingIsServed(snapshot: Snapshot, selector: Readonly<Record<string, string>> | null): string {
  if (snapshot.listeners.length > 0) return ""
  if (selector === null) return "there is no Gateway to listen for"
  const labels = Object.entries(selector).map(([key, value]) => `${key}=${value}`)
  return `there is no Gateway whose selector ${labels.join(",")} fulfils`
}
