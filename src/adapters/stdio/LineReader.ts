import { ByteParts } from "../../domain/ByteParts.ts"
import { IdFinder } from "./IdFinder.ts"

const lineFeed = 0x0a

/** One line: its bytes without the end, or the id of a message that has too many. */
export type Line = ByteParts | { readonly _tag: "TooLong"; readonly id: string | undefined }

/** Splits bytes into lines. Of a line that is too long only its id is kept. */
export class LineReader {
  readonly #maxBytes: number
  #line = new ByteParts()
  #dropped: IdFinder | undefined

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
      yield this.end()
      from = end + 1
    }
  }

  #take(part: Uint8Array): void {
    if (this.#dropped === undefined) {
      if (this.#line.length + part.length <= this.#maxBytes) return this.#line.add(part)
      this.#dropped = new IdFinder()
      for (const held of this.#line.parts) this.#dropped.add(held)
      this.#line = new ByteParts()
    }
    this.#dropped.add(part)
  }

  /** Ends the current line, which may be empty. */
  end(): Line {
    const dropped = this.#dropped
    const line: Line = dropped === undefined ? this.#line : { _tag: "TooLong", id: dropped.end() }
    this.#line = new ByteParts()
    this.#dropped = undefined
    return line
  }
}
