/** Parts that are shorter than this are copied into a shared block: an object per byte would take more than the bytes. */
const minPart = 4096
/** The most bytes of a shared block. It starts small: a server can send one short part between two long ones. */
const maxBlock = 65_536

const decoder = new TextDecoder("utf-8", { ignoreBOM: true })
const byteOrderMark = [0xef, 0xbb, 0xbf]

/**
 * Bytes that arrived in parts. A long text stays in the parts that it came in, so that it is in memory once.
 *
 * **Gotchas**
 *
 * Long parts are held, not copied: they must not change.
 */
export class ByteParts {
  readonly #parts: Array<Uint8Array> = []
  /** The offset of each part. */
  readonly #starts: Array<number> = []
  #length = 0
  /** The block that the last part is a view of, if that part may grow. */
  #block: Uint8Array | undefined

  /** The number of bytes. */
  get length(): number {
    return this.#length
  }

  /** The parts, none of them empty. */
  get parts(): ReadonlyArray<Uint8Array> {
    return this.#parts
  }

  static of(...parts: ReadonlyArray<Uint8Array>): ByteParts {
    const bytes = new ByteParts()
    for (const part of parts) bytes.add(part)
    return bytes
  }

  static ofText(text: string): ByteParts {
    return ByteParts.of(new TextEncoder().encode(text))
  }

  add(part: Uint8Array): void {
    if (part.length === 0) return
    const isFirst = this.#parts.length === 0
    if (part.length >= minPart || isFirst) {
      this.#block = undefined
      this.#push(part)
    } else {
      this.#addShort(part)
    }
    this.#length += part.length
  }

  #push(part: Uint8Array): void {
    this.#parts.push(part)
    this.#starts.push(this.#length)
  }

  #addShort(part: Uint8Array): void {
    const used = this.#block === undefined ? 0 : (this.#parts.at(-1)?.length ?? 0)
    const isFull = used + part.length > maxBlock
    const start = isFull ? 0 : used
    const end = start + part.length
    let block = isFull ? undefined : this.#block
    if (block === undefined || block.length < end) {
      const longer = new Uint8Array(Math.min(2 * end, maxBlock))
      if (block !== undefined) longer.set(block.subarray(0, start))
      block = longer
    }
    block.set(part, start)
    this.#block = block
    if (start === 0) this.#push(block.subarray(0, end))
    else this.#parts[this.#parts.length - 1] = block.subarray(0, end)
  }

  /** The bytes from one offset to another, without a copy of long parts. */
  slice(from: number, to: number = this.#length): ByteParts {
    const slice = new ByteParts()
    for (let at = this.#partAt(from); at < this.#parts.length; at++) {
      const start = this.#starts[at] ?? 0
      if (start >= to) break
      slice.add(this.#parts[at]?.subarray(Math.max(0, from - start), to - start) ?? new Uint8Array())
    }
    return slice
  }

  /** The bytes without the byte order mark that they may begin with. */
  withoutByteOrderMark(): ByteParts {
    const start = this.slice(0, byteOrderMark.length).joined()
    return byteOrderMark.every((byte, at) => start[at] === byte) ? this.slice(byteOrderMark.length) : this
  }

  /** The index of the part that holds an offset. */
  #partAt(offset: number): number {
    let low = 0
    let high = this.#starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.#starts[middle] ?? 0) <= offset) low = middle
      else high = middle - 1
    }
    return low
  }

  /** All bytes in one array: the only part, or a copy. */
  joined(): Uint8Array {
    const [first, ...others] = this.#parts
    if (first === undefined) return new Uint8Array()
    if (others.length === 0) return first
    const joined = new Uint8Array(this.#length)
    for (const [at, part] of this.#parts.entries()) joined.set(part, this.#starts[at])
    return joined
  }

  /** The bytes as UTF-8. */
  text(): string {
    return decoder.decode(this.joined())
  }
}
