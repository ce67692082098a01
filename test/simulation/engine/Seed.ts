/** A seeded source of randomness (sfc32). Streams made by `fork` do not influence each other. */
export class Seed {
  #a: number
  #b: number
  #c: number
  #d = 1
  readonly #name: string

  constructor(name: string) {
    this.#name = name
    const hash = (start: number) => {
      let h = start
      for (let index = 0; index < name.length; index++) {
        h = Math.imul(h ^ name.charCodeAt(index), 0x85ebca6b)
        h ^= h >>> 13
      }
      return h | 0
    }
    this.#a = hash(0x9e3779b9)
    this.#b = hash(0x243f6a88)
    this.#c = hash(0xb7e15162)
    for (let round = 0; round < 15; round++) this.next()
  }

  /** A stream of its own: draws from it leave this stream as it is. */
  fork(name: string): Seed {
    return new Seed(`${this.#name}/${name}`)
  }

  /** A number in [0, 1). */
  next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#d) | 0
    this.#d = (this.#d + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (this.#c << 21) | (this.#c >>> 11)
    this.#c = (this.#c + sum) | 0
    return (sum >>> 0) / 4294967296
  }

  /** An integer in [from, to]. */
  integer(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from + 1))
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return probability > 0 && this.next() < probability
  }

  pick<A>(values: ReadonlyArray<A>): A {
    return values[Math.floor(this.next() * values.length)]!
  }

  /** A UUID of version 4 in form; only its uniqueness within a run counts. */
  uuid(): `${string}-${string}-${string}-${string}-${string}` {
    const hex = (digits: number) =>
      Array.from({ length: digits }, () => Math.floor(this.next() * 16).toString(16)).join("")
    return `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(12)}`
  }
}
