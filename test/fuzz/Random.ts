/** A source of choices that a text decides: the same text gives the same choices, on every machine. */
export interface Random {
  /** A whole number from 0 up to, and without, `bound`. */
  readonly below: (bound: number) => number
  /** True once in `n` times. */
  readonly oneIn: (n: number) => boolean
  readonly pick: <A>(from: readonly [A, ...ReadonlyArray<A>]) => A
  /** Some of what `make` gives, at most `most` of them, a few more often than many. */
  readonly list: <A>(most: number, make: () => A) => ReadonlyArray<A>
}

/** FNV-1a, 32 bits. */
const hash = (text: string, start: number): number => {
  let sum = start
  for (let at = 0; at < text.length; at++) sum = Math.imul(sum ^ text.charCodeAt(at), 0x01000193)
  return sum >>> 0
}

/** The choices of a seed (the generator is sfc32). */
export const randomOf = (seed: string): Random => {
  let a = hash(seed, 0x811c9dc5)
  let b = hash(seed, 0x9e3779b9)
  let c = hash(seed, 0x85ebca6b)
  let counter = 1
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + sum) | 0
    return (sum >>> 0) / 2 ** 32
  }
  for (let round = 0; round < 12; round++) next()
  const below = (bound: number) => Math.floor(next() * bound)
  return {
    below,
    oneIn: (n) => below(n) === 0,
    pick: (from) => from[below(from.length)] ?? from[0],
    list: (most, make) => Array.from({ length: Math.min(below(most + 1), below(most + 1)) }, make)
  }
}
