/** An average value has more bytes than this. A parsed value takes 20 to 100 bytes, so small ones fill the memory. */
export const bytesPerValue = 32

/**
 * Most levels of lists and objects. Code that walks through a value needs stack for each level: the schemas of the MCP SDK
 * overflow at less than 3,000.
 */
export const maxDepth = 500

/** What a part of a JSON text adds. */
export interface JsonPart {
  readonly values: number
  /** The deepest level in it. */
  readonly depth: number
}

/**
 * Measures a JSON text before it is parsed. Values are counted by what begins or separates them. A line end ends a string,
 * because JSON has none in a string: no other line of an event stream can hide values.
 */
export class JsonSize {
  #isText = false
  #isEscaped = false
  #level = 0

  /** Measures the next part. */
  add(part: Uint8Array): JsonPart {
    let values = 0
    let depth = this.#level
    for (const byte of part) {
      if (byte === 0x0a || byte === 0x0d) this.#isText = this.#isEscaped = false
      else if (this.#isEscaped) this.#isEscaped = false
      else if (byte === 0x22) this.#isText = !this.#isText
      else if (this.#isText) this.#isEscaped = byte === 0x5c
      else if (byte === 0x2c) values++
      // [ {
      else if (byte === 0x5b || byte === 0x7b) {
        values++
        depth = Math.max(depth, ++this.#level)
      }
      // ] } that close nothing must not hide the levels after them.
      else if ((byte === 0x5d || byte === 0x7d) && this.#level > 0) this.#level--
    }
    return { values, depth }
  }

  /** Begins another text. */
  restart(): void {
    this.#isText = this.#isEscaped = false
    this.#level = 0
  }
}
