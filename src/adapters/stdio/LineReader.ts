import { ByteParts } from "../../domain/ByteParts.ts"

const lineFeed = 0x0a

/** One line: its bytes without the end, or that it has too many. */
export type Line = ByteParts | "TooLong"

/** Splits bytes into lines. A line that is too long is dropped as it comes. */
export class LineReader {
  readonly #maxBytes: number
  #line = new ByteParts()
  #isTooLong = false

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** The lines that a chunk completes. */
  *add(chunk: Uint8Array): Generator<Line> {
    for (let from = 0; from < chunk.length;) {
      const found = chunk.indexOf(lineFeed, from)
      const end = found < 0 ? chunk.length : found
      this.#take(chunk.subarray(from, end))
      if (found < 0) return
      yield this.#end()
      from = end + 1
    }
  }

  #take(part: Uint8Array): void {
    if (!this.#isTooLong && this.#line.length + part.length <= this.#maxBytes) return this.#line.add(part)
    this.#isTooLong = true
    this.#line = new ByteParts()
  }

  #end(): Line {
    const line = this.#isTooLong ? "TooLong" : this.#line
    this.#line = new ByteParts()
    this.#isTooLong = false
    return line
  }

  /** What follows the last line break. */
  rest(): Line {
    return this.#end()
  }
}
