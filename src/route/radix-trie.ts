/**
 * A radix trie from path text to the routes that may match it (DESIGN section 4), flattened into typed arrays.
 *
 *      ""  ── "/api" ──┬── "/v1" ── …          each node: prefix routes (path goes on or ends here),
 *      │               └── "gateway"                      exact routes (path ends here),
 *      └── "/static"                                      regex routes whose literal start is this node's text
 *
 * `walk` goes down once along the path, and allocates nothing. It answers two things: the lowest route that needs no
 * further condition (the bound: no higher one can win), and the nodes that hold routes with conditions still to be
 * tried. Its results live in this object and are valid until the next walk.
 */
import { asciiLowerCase } from "./byte-string.ts"

/** No route: larger than every route index. */
export const NO_ROUTE = 0x7fffffff

/** Up to this many children are scanned; more are searched by halving. */
const SCANNED_CHILDREN_MAX = 8

export type TrieEntryKind = "prefix" | "exact" | "regex"

export interface TrieEntry {
  /** The text on the way to the node: the path, the prefix, or the literal start of the regex. */
  readonly key: string
  readonly kind: TrieEntryKind
  /** Route index. Entries are given in ascending order. */
  readonly index: number
  /** Whether reaching the node is all it takes. A regex never is. */
  readonly unconditional: boolean
}

/** Lists of route indices, one per node, in one array: node `n` owns `items[starts[n]]` up to `items[starts[n + 1]]`. */
interface NodeLists {
  readonly starts: Int32Array
  readonly items: Int32Array
}

export class RadixTrie {
  /** Nodes of the last walk that hold conditional routes, from the root down. */
  readonly visited: Int32Array
  visitedCount = 0
  /** The node at which the last walked path ended, or -1. Only there do exact routes apply. */
  exactNode = -1

  readonly prefixes: NodeLists
  readonly exacts: NodeLists
  readonly regexes: NodeLists

  readonly #foldCase: boolean
  readonly #labels: Uint16Array
  readonly #labelStarts: Int32Array
  readonly #childStarts: Int32Array
  readonly #childCodes: Uint16Array
  readonly #prefixBounds: Int32Array
  readonly #exactBounds: Int32Array
  readonly #hasConditional: Uint8Array

  /** @param foldCase ignores the case of A-Z, in keys and in paths. */
  constructor(entries: readonly TrieEntry[], foldCase: boolean) {
    const root = growTrie(entries, foldCase)
    const nodes = inBreadthFirstOrder(root)
    this.#foldCase = foldCase
    this.#labelStarts = new Int32Array(nodes.length + 1)
    this.#childStarts = new Int32Array(nodes.length + 1)
    this.#childCodes = new Uint16Array(nodes.length - 1)
    this.#prefixBounds = Int32Array.from(nodes, (node) => node.prefixBound)
    this.#exactBounds = Int32Array.from(nodes, (node) => node.exactBound)
    this.#hasConditional = Uint8Array.from(nodes, (node) =>
      node.prefixes.length + node.exacts.length + node.regexes.length > 0 ? 1 : 0,
    )
    this.prefixes = packLists(nodes.map((node) => node.prefixes))
    this.exacts = packLists(nodes.map((node) => node.exacts))
    this.regexes = packLists(nodes.map((node) => node.regexes))

    const labelCodes: number[] = []
    // Breadth-first order numbers the children one after the other: the child at place `i` of `childCodes` is node i + 1.
    let nextChild = 1
    let depthMax = 0
    nodes.forEach((node, n) => {
      this.#labelStarts[n] = labelCodes.length
      for (let i = 0; i < node.label.length; i++) labelCodes.push(node.label.charCodeAt(i))
      this.#childStarts[n] = nextChild - 1
      for (const code of sortedCodes(node.children)) {
        this.#childCodes[nextChild - 1] = code
        nextChild++
      }
      depthMax = Math.max(depthMax, node.depth)
    })
    this.#labelStarts[nodes.length] = labelCodes.length
    this.#childStarts[nodes.length] = nextChild - 1
    this.#labels = Uint16Array.from(labelCodes)
    this.visited = new Int32Array(depthMax + 1)
  }

  /**
   * @param path may go on after `pathLength` (its query).
   * @returns the lowest route on the way that has no further condition, or NO_ROUTE.
   */
  walk(path: string, pathLength: number): number {
    const foldCase = this.#foldCase
    const labels = this.#labels
    let node = 0
    let offset = 0
    let bound = NO_ROUTE
    this.visitedCount = 0
    this.exactNode = -1
    for (;;) {
      const prefixBound = this.#prefixBounds[node] as number
      if (prefixBound < bound) bound = prefixBound
      if (this.#hasConditional[node] === 1) this.visited[this.visitedCount++] = node
      if (offset === pathLength) {
        this.exactNode = node
        const exactBound = this.#exactBounds[node] as number
        return Math.min(exactBound, bound)
      }
      let code = path.charCodeAt(offset)
      if (foldCase && code >= 65 && code <= 90) code |= 32
      const child = this.#findChild(node, code)
      if (child < 0) return bound
      // The first character chose the child; the rest of its label must be there too.
      const labelEnd = this.#labelStarts[child + 1] as number
      let label = (this.#labelStarts[child] as number) + 1
      offset++
      if (pathLength - offset < labelEnd - label) return bound
      for (; label < labelEnd; label++, offset++) {
        let next = path.charCodeAt(offset)
        if (foldCase && next >= 65 && next <= 90) next |= 32
        if (next !== labels[label]) return bound
      }
      node = child
    }
  }

  /** @returns the child whose label starts with `code`, or -1. */
  #findChild(node: number, code: number): number {
    const codes = this.#childCodes
    let low = this.#childStarts[node] as number
    let high = this.#childStarts[node + 1] as number
    while (high - low > SCANNED_CHILDREN_MAX) {
      const middle = (low + high) >> 1
      if ((codes[middle] as number) <= code) low = middle
      else high = middle
    }
    for (; low < high; low++) {
      if (codes[low] === code) return low + 1
    }
    return -1
  }
}

interface GrowingNode {
  label: string
  /** Nodes above this one. */
  depth: number
  /** By the first character code of the child's label. */
  readonly children: Map<number, GrowingNode>
  readonly prefixes: number[]
  readonly exacts: number[]
  readonly regexes: number[]
  prefixBound: number
  exactBound: number
}

function newNode(label: string): GrowingNode {
  return {
    label,
    depth: 0,
    children: new Map(),
    prefixes: [],
    exacts: [],
    regexes: [],
    prefixBound: NO_ROUTE,
    exactBound: NO_ROUTE,
  }
}

function growTrie(entries: readonly TrieEntry[], foldCase: boolean): GrowingNode {
  const root = newNode("")
  for (const entry of entries) {
    const node = nodeFor(root, foldCase ? asciiLowerCase(entry.key) : entry.key)
    // What comes after an unconditional route of the same node can never win, so it is not kept.
    if (entry.kind === "prefix") {
      if (node.prefixBound !== NO_ROUTE) continue
      if (entry.unconditional) node.prefixBound = entry.index
      else node.prefixes.push(entry.index)
    } else if (entry.kind === "exact") {
      if (node.exactBound !== NO_ROUTE) continue
      if (entry.unconditional) node.exactBound = entry.index
      else node.exacts.push(entry.index)
    } else if (node.prefixBound === NO_ROUTE) {
      node.regexes.push(entry.index)
    }
  }
  return root
}

/** Finds the node of a key, growing the trie where there is none. */
function nodeFor(root: GrowingNode, key: string): GrowingNode {
  let node = root
  let offset = 0
  while (offset < key.length) {
    const code = key.charCodeAt(offset)
    const child = node.children.get(code)
    if (child === undefined) {
      const leaf = newNode(key.slice(offset))
      node.children.set(code, leaf)
      return leaf
    }
    const shared = sharedLength(child.label, key, offset)
    if (shared === child.label.length) {
      node = child
    } else {
      // The key leaves the label in its middle: split the label there.
      const upper = newNode(child.label.slice(0, shared))
      child.label = child.label.slice(shared)
      upper.children.set(child.label.charCodeAt(0), child)
      node.children.set(code, upper)
      node = upper
    }
    offset += shared
  }
  return node
}

function sharedLength(label: string, key: string, offset: number): number {
  let length = 1
  while (
    length < label.length &&
    offset + length < key.length &&
    label.charCodeAt(length) === key.charCodeAt(offset + length)
  ) {
    length++
  }
  return length
}

function sortedCodes(children: ReadonlyMap<number, GrowingNode>): number[] {
  return [...children.keys()].sort((a, b) => a - b)
}

function inBreadthFirstOrder(root: GrowingNode): GrowingNode[] {
  const nodes = [root]
  for (let n = 0; n < nodes.length; n++) {
    const node = nodes[n]
    if (node === undefined) break
    for (const code of sortedCodes(node.children)) {
      const child = node.children.get(code)
      if (child === undefined) continue
      child.depth = node.depth + 1
      nodes.push(child)
    }
  }
  return nodes
}

function packLists(lists: readonly (readonly number[])[]): NodeLists {
  const starts = new Int32Array(lists.length + 1)
  lists.forEach((list, n) => {
    starts[n + 1] = (starts[n] ?? 0) + list.length
  })
  return { starts, items: Int32Array.from(lists.flat()) }
}
