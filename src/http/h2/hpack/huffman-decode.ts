/**
 * Decodes Huffman-coded strings of HPACK (RFC 7541 section 5.2), four bits at a time: the shortest code has five, so four
 * bits complete at most one symbol. The transition table is computed from the code at start-up: one row of 16 entries per
 * inner node of the code's tree.
 */
import { CODE_LENGTHS, CODES, EOS } from "./huffman-code.ts"

/** Bytes that a coded string of `length` bytes can become at most. */
export function decodedBytesMax(length: number): number {
  return Math.floor((length * 8) / 5)
}

/*
 * An entry: bits 0-15 the next row, bits 16-23 the symbol, then flags.
 */
const EMITS = 1 << 24
/** What the bits so far may end with: nothing, or up to seven one-bits (RFC 7541 section 5.2). */
const MAY_END = 1 << 25
const FAILS = 1 << 26

const TRANSITIONS = buildTransitions()

/**
 * @param target room for `decodedBytesMax(end - start)` bytes
 * @returns bytes written; -1 when the coding is broken: EOS inside, padding of eight bits or more, or not of ones
 */
export function decodeHuffman(bytes: Buffer, start: number, end: number, target: Buffer): number {
  let row = 0
  let written = 0
  let mayEnd = true
  for (let offset = start; offset < end; offset++) {
    const byte = bytes[offset] as number
    const high = TRANSITIONS[(row << 4) | (byte >> 4)] as number
    if ((high & EMITS) !== 0) target[written++] = (high >> 16) & 0xff
    const low = TRANSITIONS[((high & 0xffff) << 4) | (byte & 15)] as number
    if (((high | low) & FAILS) !== 0) return -1
    if ((low & EMITS) !== 0) target[written++] = (low >> 16) & 0xff
    row = low & 0xffff
    mayEnd = (low & MAY_END) !== 0
  }
  return mayEnd ? written : -1
}

interface TreeNode {
  readonly row: number
  /** What a 0 and a 1 lead to: a node, or a symbol. */
  readonly children: [TreeNode | number | null, TreeNode | number | null]
  readonly mayEnd: boolean
}

function buildTransitions(): Int32Array {
  const nodes: TreeNode[] = []
  const addNode = (mayEnd: boolean): TreeNode => {
    const node: TreeNode = { row: nodes.length, children: [null, null], mayEnd }
    nodes.push(node)
    return node
  }
  const root = addNode(true)
  for (const [symbol, length] of CODE_LENGTHS.entries()) {
    const code = CODES[symbol] ?? 0
    let node = root
    for (let depth = 1; depth < length; depth++) {
      const bit = ((code >>> (length - depth)) & 1) === 0 ? 0 : 1
      let child = node.children[bit]
      if (child === null || typeof child === "number") {
        child = addNode(node.mayEnd && bit === 1 && depth < 8)
        node.children[bit] = child
      }
      node = child
    }
    node.children[(code & 1) === 0 ? 0 : 1] = symbol
  }
  const table = new Int32Array(nodes.length * 16)
  for (const node of nodes) {
    for (let bits = 0; bits < 16; bits++) table[node.row * 16 + bits] = transition(root, node, bits)
  }
  return table
}

function transition(root: TreeNode, from: TreeNode, bits: number): number {
  let node = from
  let emitted = 0
  for (let shift = 3; shift >= 0; shift--) {
    const child = node.children[((bits >> shift) & 1) === 0 ? 0 : 1]
    if (child === null || child === EOS) return FAILS
    if (typeof child === "number") {
      emitted = EMITS | (child << 16)
      node = root
    } else {
      node = child
    }
  }
  return emitted | node.row | (node.mayEnd ? MAY_END : 0)
}
