import { JsonScanner } from "../../domain/JsonScanner.ts"

/** Bytes of the longest id, and of the longest way to write its name, that are found across two parts. */
const maxBytes = 1024

/** Finds the `id` of a message that is too long to be held, while its bytes go by. */
export class IdFinder {
  readonly #scanner: JsonScanner
  /** The last bytes before the current part, and that part. */
  #window = new Uint8Array()
  /** The offset of the window in the message. */
  #start = 0
  #isId = false
  #id: string | undefined

  constructor() {
    this.#scanner = new JsonScanner({
      onOpen: () => undefined,
      onLineBreak: () => undefined,
      onName: (level, from, to) => {
        if (level === 1) this.#isId = this.#parsed(from, to) === "id"
      },
      onValue: (level, from, to) => {
        if (level !== 1 || !this.#isId) return
        this.#isId = false
        this.#id = this.#text(from, to)
      }
    })
  }

  add(part: Uint8Array): void {
    const kept = this.#window.subarray(Math.max(0, this.#window.length - maxBytes))
    this.#start += this.#window.length - kept.length
    this.#window = Buffer.concat([kept, part])
    this.#scanner.add(part)
  }

  /** The id as JSON; `undefined` without one, and if the message is no JSON. */
  end(): string | undefined {
    return this.#scanner.end() ? this.#id : undefined
  }

  #text(from: number, to: number): string | undefined {
    if (from < this.#start || to - from > maxBytes) return undefined
    return new TextDecoder().decode(this.#window.subarray(from - this.#start, to - this.#start))
  }

  #parsed(from: number, to: number): unknown {
    const text = this.#text(from, to)
    return text === undefined ? undefined : JSON.parse(text)
  }
}
