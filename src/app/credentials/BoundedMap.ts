/**
 * A map that holds at most `maxSize` entries. Beyond that it drops the half of them that was used longest ago.
 *
 * It has two generations: dropping the oldest entry of one `Map` walks over the ones deleted before it, which takes 45 us
 * per entry in a map of 100,000.
 */
export class BoundedMap<Value> {
  readonly #maxYoung: number
  #young = new Map<string, Value>()
  #old = new Map<string, Value>()

  constructor(maxSize: number) {
    this.#maxYoung = Math.max(1, Math.floor(maxSize / 2))
  }

  get(key: string): Value | undefined {
    const young = this.#young.get(key)
    if (young !== undefined) return young
    const old = this.#old.get(key)
    if (old !== undefined) this.set(key, old)
    return old
  }

  set(key: string, value: Value): void {
    if (this.#young.size >= this.#maxYoung && !this.#young.has(key)) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, value)
  }

  delete(key: string): void {
    this.#young.delete(key)
    this.#old.delete(key)
  }
}
