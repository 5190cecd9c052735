/**
 * Where each value of one document stands in its file: a tree beside the plain value, asked by path.
 * Made by both YAML readers; made late by the fast one, since most documents are never asked.
 */
import type { Span } from "./source-text.ts"

/** Field names and array indices from the top of a document or resource. */
export type FieldPath = readonly (string | number)[]

export interface SpanNode {
  readonly start: number
  readonly end: number
  /** The mapping key that leads here; null in a sequence and at the top. */
  readonly key: Span | null
  /** null for scalars. */
  readonly children: Map<string | number, SpanNode> | null
}

/** Which part of an entry a message points at. */
export type SpanPart = "key" | "value"

/**
 * The span of the value at `path`, or of its nearest existing parent. A collection is pointed at by its key where it
 * has one, since its own text may be many lines.
 */
export function findSpan(root: SpanNode, path: FieldPath, part: SpanPart): Span {
  let node = root
  for (const step of path) {
    const child = node.children?.get(step)
    if (child === undefined) break
    node = child
  }
  return node.key !== null && (part === "key" || node.children !== null) ? node.key : node
}
