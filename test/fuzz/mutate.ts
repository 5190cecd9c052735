/** Seeded mutation of byte strings: the same seed makes the same inputs, so that a failure can be run again. */

/** Mulberry32: small, fast, good enough to choose bytes. */
export class SeededRandom {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** 0 to `limit` - 1. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit
  }

  of<Item>(items: readonly Item[], otherwise: Item): Item {
    return items[this.below(items.length)] ?? otherwise
  }
}

/** One to four edits: insert, replace, delete, repeat, swap, or cross with another seed. */
export function mutate(
  text: string,
  random: SeededRandom,
  dictionary: readonly string[],
  seeds: readonly string[],
): string {
  let mutated = text
  for (let edits = 1 + random.below(4); edits > 0; edits--) mutated = mutateOnce(mutated, random, dictionary, seeds)
  return mutated
}

function mutateOnce(
  text: string,
  random: SeededRandom,
  dictionary: readonly string[],
  seeds: readonly string[],
): string {
  const at = random.below(text.length + 1)
  const until = Math.min(text.length, at + 1 + random.below(8))
  const byte = String.fromCharCode(random.below(256))
  switch (random.below(8)) {
    case 0:
      return text.slice(0, at) + byte + text.slice(at)
    case 1:
      return text.slice(0, at) + byte + text.slice(at + 1)
    case 2:
      return text.slice(0, at) + text.slice(until)
    case 3:
      return text.slice(0, until) + text.slice(at)
    case 4:
    case 5:
      return text.slice(0, at) + random.of(dictionary, "") + text.slice(at)
    case 6:
      return text.slice(0, at) + random.of(dictionary, "") + text.slice(until)
    default: {
      const other = random.of(seeds, "")
      return text.slice(0, at) + other.slice(random.below(other.length + 1))
    }
  }
}
