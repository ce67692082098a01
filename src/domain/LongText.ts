import type { ByteParts } from "./ByteParts.ts"
import { safeJson } from "./PrintableText.ts"

/** Bytes that are decoded at once. */
const pieceBytes = 65_536

/** Where a part of a UTF-8 text can end: before its last character, if that may go on in the next part. */
const characterEnd = (bytes: Uint8Array): number => {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back] ?? 0
    if (byte >= 0xc0) return bytes.length - back
    if (byte < 0x80) break
  }
  return bytes.length
}

/** Where a part of the text of a JSON string can end: before an escape that goes on in the next part. */
const escapeEnd = (text: string): number => {
  const at = text.lastIndexOf("\\")
  let start = at
  while (text[start - 1] === "\\") start--
  const isEscape = at >= 0 && (at - start) % 2 === 0
  return isEscape && text.length - at < (text[at + 1] === "u" ? 6 : 2) ? at : text.length
}

/** True for the first half of a character that is two units long. */
const isHigh = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff

/** Joins the end of one part to the next one. */
const joined = (rest: Uint8Array, part: Uint8Array): Uint8Array => {
  if (rest.length === 0) return part
  const both = new Uint8Array(rest.length + part.length)
  both.set(rest)
  both.set(part, rest.length)
  return both
}

/**
 * A long string of a JSON text that stays the bytes that it came in. It is read in pieces, so that it is in memory once: as a
 * string of JavaScript it takes as much again, and three to five times as much while `JSON.parse` builds it.
 */
export class LongText {
  readonly #json: ByteParts

  /** @param json the bytes between the quotes, of a string that the scanner accepts */
  constructor(json: ByteParts) {
    this.#json = json
  }

  /** The parts of the text. No character is split between two of them, and none is empty. */
  *pieces(): Generator<string, void> {
    // A new one for each text: one that ends early leaves nothing behind.
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true })
    let bytes: Uint8Array = new Uint8Array()
    let escape = ""
    let half = ""
    for (const part of this.#json.parts) {
      for (let at = 0; at < part.length; at += pieceBytes) {
        const all = joined(bytes, part.subarray(at, at + pieceBytes))
        const end = characterEnd(all)
        bytes = all.subarray(end)
        const json = escape + decoder.decode(all.subarray(0, end))
        const cut = escapeEnd(json)
        escape = json.slice(cut)
        const text = half + unescaped(json.slice(0, cut))
        half = isHigh(text.charCodeAt(text.length - 1)) ? text.slice(-1) : ""
        const piece = half === "" ? text : text.slice(0, -1)
        if (piece !== "") yield piece
      }
    }
    const last = half + unescaped(escape + decoder.decode(bytes))
    if (last !== "") yield last
  }

  /** The whole text. */
  toString(): string {
    let text = ""
    for (const piece of this.pieces()) text += piece
    return text
  }
}

/** The text of a part of a JSON string. */
const unescaped = (json: string): string => (json.includes("\\") ? (JSON.parse(`"${json}"`) as string) : json)

/** A JSON value with other leaves. What has no such leaf stays the same object. */
export const mapLeaves = (value: unknown, replace: (leaf: unknown) => unknown): unknown => {
  if (typeof value !== "object" || value === null || value instanceof LongText) return replace(value)
  let isSame = true
  const mapped = (member: unknown): unknown => {
    const other = mapLeaves(member, replace)
    isSame &&= other === member
    return other
  }
  const copy = Array.isArray(value)
    ? value.map(mapped)
    : Object.fromEntries(Object.entries(value).map(([name, member]) => [name, mapped(member)]))
  return isSame ? value : copy
}

/** A JSON value with its long texts as strings. */
export const withStrings = (value: unknown): unknown =>
  mapLeaves(value, (leaf) => (leaf instanceof LongText ? leaf.toString() : leaf))

/** {@link safeJson} in pieces, of a value that may have long texts in it. */
export function* safeJsonPieces(value: unknown, indent?: number): Generator<string, void> {
  const texts: Array<LongText> = []
  let mark = ""
  const outline = mapLeaves(value, (leaf) => {
    if (!(leaf instanceof LongText)) return leaf
    texts.push(leaf)
    return (mark ||= crypto.randomUUID())
  })
  if (mark === "") return yield safeJson(value, indent)
  const [start = "", ...rest] = safeJson(outline, indent).split(mark)
  yield start
  for (const [at, text] of texts.entries()) {
    for (const piece of text.pieces()) yield safeJson(piece).slice(1, -1)
    yield rest[at] ?? ""
  }
}
