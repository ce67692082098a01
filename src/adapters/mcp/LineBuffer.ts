import type { JSONRPCMessage } from "@modelcontextprotocol/client"
import { type AnswerLimit, becameLarge } from "./AnswerLimit.ts"
import type { Sdk } from "./ErrorOfClient.ts"

/**
 * Splits the output of a program into messages, one a line. It replaces the buffer of the SDK, which copies all that it holds
 * with each chunk. Lines that are not JSON are skipped, as there: programs print other text.
 */
export class LineBuffer {
  readonly #parse: Sdk["deserializeMessage"]
  readonly #limit: AnswerLimit
  readonly #onTooLong: () => void
  /** The start of a line that has not ended. */
  #start: Array<Buffer> = []
  #length = 0
  #lines: Array<Buffer> = []

  /** @param onTooLong is called at a line that is longer than the limit, which is then forgotten */
  constructor(parse: Sdk["deserializeMessage"], limit: AnswerLimit, onTooLong: () => void) {
    this.#onTooLong = onTooLong
    this.#parse = parse
    this.#limit = limit
  }

  append(chunk: Buffer): void {
    let from = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      this.#hold(chunk.subarray(from, end))
      this.#lines.push(
        this.#start.length === 1 && this.#start[0] !== undefined ? this.#start[0] : Buffer.concat(this.#start)
      )
      this.#start = []
      this.#length = 0
      from = end + 1
    }
    this.#hold(chunk.subarray(from))
  }

  /** The next message; null without one. */
  readMessage(): JSONRPCMessage | null {
    for (let line = this.#lines.shift(); line !== undefined; line = this.#lines.shift()) {
      try {
        return this.#parse(line.toString("utf8").trimEnd())
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error
      }
    }
    return null
  }

  clear(): void {
    this.#start = []
    this.#length = 0
    this.#lines = []
  }

  #hold(part: Buffer): void {
    this.#length += part.length
    if (becameLarge(this.#length, part.length)) this.#limit.onLarge()
    if (this.#length <= this.#limit.bytes) return void this.#start.push(part)
    this.clear()
    this.#onTooLong()
  }
}
