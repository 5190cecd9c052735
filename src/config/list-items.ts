/**
 * Cuts a `List` as `kubectl get -o yaml` writes it into its items, by its lines alone: then each item is read, and
 * remembered, as a document of its own would be, and ten thousand of them are not one long pause. That matters most where
 * the annotation `last-applied-configuration` is a block scalar, which only the full parser reads.
 *
 * What kubectl writes is the same to the letter each time, and only that is cut. Any other List is read whole.
 */
import type { Span } from "./source-text.ts"
import type { Steps } from "./steps.ts"

const head = /^(?:---\n)?apiVersion: v1\nitems:\n(?=- )/
const tail = /^kind: List\n(?:metadata:\n(?: {2}[A-Za-z]+: "[^"\\\n]*"\n)*)?$/
/** Nothing of an item but its dash stands in the first column. */
const firstColumn = /\n[^ \n]/
const tailBytesMax = 256

/**
 * @returns the spans of the items, each with its `- `: a sequence of one. Null when the document is to be read whole.
 */
export function* findingListItems(text: string, document: Span): Steps<readonly Span[] | null> {
  const headMatch = head.exec(text.slice(document.start, document.start + 64))
  if (headMatch === null) return null
  const end = text.lastIndexOf("\nkind: List\n", document.end) + 1
  const start = document.start + headMatch[0].length
  if (end <= start || document.end - end > tailBytesMax || !tail.test(text.slice(end, document.end))) return null
  const spans: Span[] = []
  for (let at = start; at < end; ) {
    const next = text.indexOf("\n- ", at)
    const itemEnd = next === -1 || next >= end ? end : next + 1
    if (firstColumn.test(text.slice(at, itemEnd))) return null
    spans.push({ start: at, end: itemEnd })
    at = itemEnd
    yield
  }
  return spans
}
