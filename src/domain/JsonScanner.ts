import type { ByteParts } from "./ByteParts.ts"

/** Most levels of lists and objects that a message may have. Each takes one byte while it is read. */
export const maxLevels = 10_000

/** What the scanner reports while it reads. Offsets are those of the first byte, and of the one after the last. */
export interface JsonEvents {
  /** An object or a list begins at this level: 0 for the text itself. */
  readonly onOpen: (level: number, at: number, isObject: boolean) => void
  /** A value ends that is at this level. */
  readonly onValue: (level: number, from: number, to: number) => void
  /** The name of a member ends. The level is that of its value. */
  readonly onName: (level: number, from: number, to: number) => void
  /** A line break between two tokens. */
  readonly onLineBreak: () => void
}

/** What may come next. Numbers, because the scanner compares them for each byte. */
const state = {
  value: 0,
  valueOrEnd: 1,
  nameOrEnd: 2,
  name: 3,
  colon: 4,
  commaOrEnd: 5,
  end: 6,
  text: 7,
  escape: 8,
  hex: 9,
  literal: 10,
  minus: 11,
  zero: 12,
  digits: 13,
  point: 14,
  fraction: 15,
  exponent: 16,
  exponentSign: 17,
  exponentDigits: 18,
  failed: 19
} as const
type State = (typeof state)[keyof typeof state]

const char = {
  quote: 0x22,
  backslash: 0x5c,
  comma: 0x2c,
  colon: 0x3a,
  openList: 0x5b,
  closeList: 0x5d,
  openObject: 0x7b,
  closeObject: 0x7d,
  minus: 0x2d,
  plus: 0x2b,
  point: 0x2e,
  zero: 0x30,
  u: 0x75
} as const

const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39
const isHex = (byte: number): boolean =>
  isDigit(byte) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66)
/** e E */
const isExponent = (byte: number): boolean => byte === 0x65 || byte === 0x45

const escapes = new Set(Array.from('"\\/bfnrtu', (letter) => letter.charCodeAt(0)))
const literals: Readonly<Record<string, Uint8Array>> = Object.fromEntries(
  ["true", "false", "null"].map((word) => [word.charCodeAt(0), new TextEncoder().encode(word)])
)

/**
 * Checks a text against the grammar of JSON (RFC 8259) and reports where its values are, without building them. It reads each
 * byte once and needs one byte for each level. It accepts what `JSON.parse` accepts, except for more than {@link maxLevels}.
 *
 * **Gotchas**
 *
 * The bytes of strings are not checked to be UTF-8.
 */
export class JsonScanner {
  readonly #events: JsonEvents
  /** For each open level: 1 for an object, 0 for a list. */
  #isObject = new Uint8Array(64)
  /** For each level, where the current value starts. */
  readonly #starts: Array<number> = [0]
  #level = 0
  #state: State = state.value
  /** True while the string that is read is the name of a member. */
  #isName = false
  #nameStart = 0
  #hexLeft = 0
  #literal: Uint8Array = new Uint8Array()
  #literalAt = 0
  #offset = 0

  constructor(events: JsonEvents) {
    this.#events = events
  }

  add(part: Uint8Array): void {
    for (let at = 0; at < part.length;) {
      if (this.#state === state.text) at = this.#readText(part, at)
      else if (this.#read(part[at] ?? 0, this.#offset + at)) at++
      if (this.#state === state.failed) break
    }
    this.#offset += part.length
  }

  /** Ends the text. False if it is not valid. */
  end(): boolean {
    if (this.#endsNumber()) this.#endValue(this.#offset)
    return this.#state === state.end
  }

  /** Reads up to the end of a string, or to an escape in it. Most bytes of a long message are read here. */
  #readText(part: Uint8Array, from: number): number {
    for (let at = from; at < part.length; at++) {
      const byte = part[at] ?? 0
      if (byte === char.quote) {
        this.#endText(this.#offset + at + 1)
        return at + 1
      }
      if (byte === char.backslash) {
        this.#state = state.escape
        return at + 1
      }
      if (byte < 0x20) {
        this.#state = state.failed
        return at
      }
    }
    return part.length
  }

  #endText(end: number): void {
    if (!this.#isName) return this.#endValue(end)
    this.#events.onName(this.#level, this.#nameStart, end)
    this.#state = state.colon
  }

  /** Reads one byte outside of a string. False if it ended a number, and is to be read again. */
  #read(byte: number, at: number): boolean {
    switch (this.#state) {
      case state.escape:
        this.#state = !escapes.has(byte) ? state.failed : byte === char.u ? state.hex : state.text
        this.#hexLeft = 4
        return true
      case state.hex:
        if (!isHex(byte)) this.#state = state.failed
        else if (--this.#hexLeft === 0) this.#state = state.text
        return true
      case state.literal:
        if (byte !== this.#literal[this.#literalAt++]) this.#state = state.failed
        else if (this.#literalAt === this.#literal.length) this.#endValue(at + 1)
        return true
      default:
        return this.#state >= state.minus ? this.#readNumber(byte, at) : this.#readToken(byte, at)
    }
  }

  #readToken(byte: number, at: number): boolean {
    if (byte === 0x20 || byte === 0x09) return true
    if (byte === 0x0a || byte === 0x0d) {
      this.#events.onLineBreak()
      return true
    }
    switch (this.#state) {
      case state.valueOrEnd:
      case state.value:
        if (byte === char.closeList && this.#state === state.valueOrEnd) this.#close(at)
        else this.#startValue(byte, at)
        return true
      case state.nameOrEnd:
      case state.name:
        if (byte === char.quote) this.#startText(at, true)
        else if (byte === char.closeObject && this.#state === state.nameOrEnd) this.#close(at)
        else this.#state = state.failed
        return true
      case state.colon:
        this.#state = byte === char.colon ? state.value : state.failed
        return true
      case state.commaOrEnd: {
        const isObject = this.#isObject[this.#level - 1] === 1
        if (byte === char.comma) this.#state = isObject ? state.name : state.value
        else if (byte === (isObject ? char.closeObject : char.closeList)) this.#close(at)
        else this.#state = state.failed
        return true
      }
      default:
        this.#state = state.failed
        return true
    }
  }

  #startText(at: number, isName: boolean): void {
    this.#isName = isName
    if (isName) this.#nameStart = at
    this.#state = state.text
  }

  #startValue(byte: number, at: number): void {
    this.#starts[this.#level] = at
    if (byte === char.quote) return this.#startText(at, false)
    if (byte === char.openObject || byte === char.openList) return this.#open(byte === char.openObject, at)
    if (byte === char.minus) this.#state = state.minus
    else if (byte === char.zero) this.#state = state.zero
    else if (isDigit(byte)) this.#state = state.digits
    else {
      const literal = literals[byte]
      if (literal === undefined) this.#state = state.failed
      else {
        this.#literal = literal
        this.#literalAt = 1
        this.#state = state.literal
      }
    }
  }

  #open(isObject: boolean, at: number): void {
    if (this.#level === maxLevels) {
      this.#state = state.failed
      return
    }
    if (this.#level === this.#isObject.length) {
      const longer = new Uint8Array(this.#level * 4)
      longer.set(this.#isObject)
      this.#isObject = longer
    }
    this.#events.onOpen(this.#level, at, isObject)
    this.#isObject[this.#level++] = isObject ? 1 : 0
    this.#state = isObject ? state.nameOrEnd : state.valueOrEnd
  }

  #close(at: number): void {
    this.#level--
    this.#endValue(at + 1)
  }

  #endValue(end: number): void {
    this.#events.onValue(this.#level, this.#starts[this.#level] ?? 0, end)
    this.#state = this.#level === 0 ? state.end : state.commaOrEnd
  }

  #endsNumber(): boolean {
    return (
      this.#state === state.zero ||
      this.#state === state.digits ||
      this.#state === state.fraction ||
      this.#state === state.exponentDigits
    )
  }

  #readNumber(byte: number, at: number): boolean {
    const next = this.#afterDigit(byte)
    if (next !== undefined) {
      this.#state = next
      return true
    }
    if (this.#endsNumber()) this.#endValue(at)
    else this.#state = state.failed
    return this.#state === state.failed
  }

  /** The state of a number after one more byte; `undefined` if the byte does not belong to it. */
  #afterDigit(byte: number): State | undefined {
    switch (this.#state) {
      case state.minus:
        return byte === char.zero ? state.zero : isDigit(byte) ? state.digits : undefined
      case state.zero:
      case state.digits:
        if (isDigit(byte)) return this.#state === state.zero ? undefined : state.digits
        return byte === char.point ? state.point : isExponent(byte) ? state.exponent : undefined
      case state.point:
        return isDigit(byte) ? state.fraction : undefined
      case state.fraction:
        return isDigit(byte) ? state.fraction : isExponent(byte) ? state.exponent : undefined
      case state.exponent:
        if (byte === char.plus || byte === char.minus) return state.exponentSign
        return isDigit(byte) ? state.exponentDigits : undefined
      case state.exponentSign:
      case state.exponentDigits:
        return isDigit(byte) ? state.exponentDigits : undefined
      default:
        return undefined
    }
  }
}

/** Reads a JSON text and reports what is where. False if it is not valid, or nested too deep. */
export const scanJson = (text: ByteParts, events: JsonEvents): boolean => {
  const scanner = new JsonScanner(events)
  for (const part of text.parts) scanner.add(part)
  return scanner.end()
}
