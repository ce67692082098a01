import { ByteParts } from "../../domain/ByteParts.ts"
import { JsonSize } from "../http/JsonSize.ts"
import type { McpError } from "../../ports/McpConnector.ts"
import { type AnswerLimit, useUp } from "./AnswerLimit.ts"
import type { RpcMessage } from "./Messages.ts"

/** The message of a line; a `SyntaxError` is thrown for another text. */
export type ParseLine = (line: ByteParts) => RpcMessage

/**
 * Splits the output of a program into messages, one a line. It replaces the buffer of the SDK, which copies all that it holds
 * with each chunk. Lines that are not JSON are skipped, as there: programs print other text.
 */
export class LineBuffer {
  readonly #parse: ParseLine
  readonly #limit: AnswerLimit
  readonly #onExceeded: (error: McpError) => void
  /** The start of a line that has not ended. */
  #start = new ByteParts()
  #used = { bytes: 0, values: 0 }
  readonly #json = new JsonSize()
  #lines: Array<ByteParts> = []

  /** @param onExceeded is called at a line that exceeds the limit, which is then forgotten */
  constructor(parse: ParseLine, limit: AnswerLimit, onExceeded: (error: McpError) => void) {
    this.#parse = parse
    this.#limit = limit
    this.#onExceeded = onExceeded
  }

  append(chunk: Buffer): void {
    let from = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      this.#hold(chunk.subarray(from, end))
      this.#lines.push(this.#start)
      this.#startLine()
      from = end + 1
    }
    this.#hold(chunk.subarray(from))
  }

  /** The next message; null without one. */
  readMessage(): RpcMessage | null {
    for (let line = this.#lines.shift(); line !== undefined; line = this.#lines.shift()) {
      try {
        return this.#parse(line)
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error
      }
    }
    return null
  }

  clear(): void {
    this.#startLine()
    this.#lines = []
  }

  #startLine(): void {
    this.#start = new ByteParts()
    this.#used = { bytes: 0, values: 0 }
    this.#json.restart()
  }

  #hold(part: Buffer): void {
    const error = useUp(this.#limit, this.#used, this.#json, part)
    if (error === undefined) return void this.#start.add(part)
    this.clear()
    this.#onExceeded(error)
  }
}
