import { ByteParts } from "../../../domain/ByteParts.ts"

/** An event of a stream (HTML "Server-sent events" §9.2). */
export interface StreamEvent {
  /** Its type; `message` unless the stream names one. */
  readonly name: string
  /** The last id that the stream has named, in this event or before. It is where the stream can be resumed. */
  readonly id: string | undefined
  /** Its lines of data, joined by line breaks. Empty for an event that only names an id. */
  readonly data: ByteParts
}

const [lineFeed, carriageReturn, colon, space] = [0x0a, 0x0d, 0x3a, 0x20]
/** A field has a longer name only if it is unknown. */
const maxNameLength = 5
const lineBreak = new Uint8Array([lineFeed])

/** Finds the next place of a byte, the length of the chunk without one. It reads each byte once, however many lines there are. */
const finder = (chunk: Uint8Array, byte: number): ((from: number) => number) => {
  let next = -1
  return (from) => {
    if (next < from) next = chunk.indexOf(byte, from)
    if (next < 0) next = chunk.length
    return next
  }
}

/**
 * Splits an event stream into events, on its bytes: the data of an event is held once, and passed on as it came. The parsers
 * of the SDK and of Effect build text instead, which takes several times the memory of a long event.
 */
export class EventReader {
  readonly #maxBytes: number
  readonly #onRetry: (milliseconds: number) => void
  #line = new ByteParts()
  #data = new ByteParts()
  #hasData = false
  /** Bytes of other lines behind the first one of data. They are held with it: they came in the same chunks. */
  #ignored = 0
  #name = ""
  #id: string | undefined
  #isSecondHalf = false
  #isFirstLine = true

  /**
   * @param options.maxBytes the limit of {@link add}
   * @param options.onRetry is called with the delay that the stream requests before it is opened again
   */
  constructor(options: { readonly maxBytes: number; readonly onRetry: (milliseconds: number) => void }) {
    this.#maxBytes = options.maxBytes
    this.#onRetry = options.onRetry
  }

  /** The events that a chunk completes. `TooLong` if an event has more bytes than the limit. */
  add(chunk: Uint8Array): ReadonlyArray<StreamEvent> | "TooLong" {
    const events: Array<StreamEvent> = []
    const nextFeed = finder(chunk, lineFeed)
    const nextReturn = finder(chunk, carriageReturn)
    let from = this.#isSecondHalf && chunk[0] === lineFeed ? 1 : 0
    if (chunk.length > 0) this.#isSecondHalf = false
    while (from < chunk.length) {
      const end = Math.min(nextFeed(from), nextReturn(from))
      this.#line.add(chunk.subarray(from, end))
      if (this.#line.length + this.#data.length + this.#ignored > this.#maxBytes) return "TooLong"
      if (end === chunk.length) break
      const event = this.#endLine()
      if (event !== undefined) events.push(event)
      from = end + 1
      if (chunk[end] === carriageReturn) {
        if (from === chunk.length) this.#isSecondHalf = true
        else if (chunk[from] === lineFeed) from++
      }
    }
    return events
  }

  #endLine(): StreamEvent | undefined {
    let line = this.#line
    this.#line = new ByteParts()
    if (this.#isFirstLine) {
      this.#isFirstLine = false
      line = line.withoutByteOrderMark()
    }
    if (line.length === 0) return this.#endEvent()
    const head = line.slice(0, maxNameLength + 2).joined()
    const nameEnd = head.indexOf(colon)
    const valueStart = nameEnd < 0 ? line.length : nameEnd + (head[nameEnd + 1] === space ? 2 : 1)
    const name =
      nameEnd < 0 ? (line.length > maxNameLength ? "" : line.text()) : line.slice(0, nameEnd).text()
    if (name !== "data" && this.#hasData) this.#ignored += line.length
    this.#field(name, line.slice(valueStart))
    return undefined
  }

  #field(name: string, value: ByteParts): void {
    switch (name) {
      case "data":
        if (this.#hasData) this.#data.add(lineBreak)
        this.#hasData = true
        for (const part of value.parts) this.#data.add(part)
        return
      case "event":
        this.#name = value.text()
        return
      case "id": {
        const id = value.text()
        if (!id.includes("\0")) this.#id = id
        return
      }
      case "retry": {
        const text = value.text()
        if (/^\d{1,12}$/.test(text)) this.#onRetry(Number(text))
      }
    }
  }

  #endEvent(): StreamEvent | undefined {
    const event = {
      name: this.#name === "" ? "message" : this.#name,
      id: this.#id,
      data: this.#data
    }
    const hasData = this.#hasData
    this.#name = ""
    this.#data = new ByteParts()
    this.#hasData = false
    this.#ignored = 0
    return hasData || event.id !== undefined ? event : undefined
  }
}
