import { Result } from "effect"

/** The first syntax error of a JSON text. */
export interface JsonFault {
  /** Line, from 1. */
  readonly line: number
  /** Column, from 1, in UTF-16 units as editors count them. */
  readonly column: number
  /** The usual mistake at such a place. Absent: no common mistake. */
  readonly hint: string | undefined
}

/** A name that an object has twice. `JSON.parse` takes the last one and says nothing. */
export interface RepeatedName {
  readonly path: ReadonlyArray<string | number>
  /** The lines of the first and of the second one, from 1. */
  readonly lines: readonly [first: number, second: number]
}

/** A text that was read. */
export interface JsonReading {
  readonly value: unknown
  readonly repeated: ReadonlyArray<RepeatedName>
}

// Strings may not contain control characters (RFC 8259 §7).
const token =
  // oxlint-disable-next-line no-control-regex -- it looks for control characters
  /("[^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\u0000-\u001f]*)*")|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)|([{}[\],:])/y

const space = /[ \t\n\r]+/y
const comment = /\/\/[^\n\r]*|\/\*[\s\S]*?\*\//y
// oxlint-disable-next-line no-control-regex -- it looks for control characters
const goodPartOfString = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*/y

/** The kinds of tokens that start a value: a string, another scalar, an object, a list. */
const value = "sv{["

/** PowerShell writes UTF-16, which is decoded as UTF-8 here: its mark is unknown, and ASCII has zeros in between. */
const isUtf16 = (text: string): boolean => /^\ufffd{2}|^.?\0/.test(text)

const hintOf = (text: string, offset: number, allowed: string): string | undefined => {
  const found = text[offset]
  if (isUtf16(text)) return "it is UTF-16 text: save the file as UTF-8"
  if (found === undefined) return "it ends too early"
  if (found === "/") return "a comment starts with // or is between /* and */"
  if (found === "#") return "a comment starts with //"
  if (found === "'") return "strings need double quotes"
  if (/[“”„‟«»‘’`]/.test(found)) return 'strings need straight double quotes: "'
  if (found === "\\") return 'a backslash in a string is written twice, as in "C:\\\\Users"'
  if (/[\u00a0\u200b-\u200f\u2028\u2029\ufeff]/.test(found)) return "there is an invisible character here"
  if (/[\n\r]/.test(found)) return 'a string ends on its line, with "'
  if (allowed.startsWith(",") && /["{[\w-]/.test(found)) return "a comma is missing before it"
  return allowed.startsWith("s") && /[A-Za-z_$]/.test(found) && !allowed.includes("v")
    ? "names need double quotes"
    : undefined
}

/** One object or list that is open. */
interface Level {
  readonly close: "}" | "]"
  /** The offsets of the names that an object has so far. */
  readonly names: Map<string, number>
  /** The name or the index of the current value. */
  key: string | number
}

const lineAt = (text: string, offset: number): number => text.slice(0, offset).split("\n").length

/** Where a text is no JSON: in a string, at the character that it must not have. */
const faultAt = (text: string, start: number, allowed: string): JsonFault => {
  goodPartOfString.lastIndex = start
  const isString = text[start] === '"' && allowed.includes("s")
  const offset = isString && goodPartOfString.test(text) ? goodPartOfString.lastIndex : start
  return {
    line: lineAt(text, offset),
    column: offset - text.lastIndexOf("\n", offset - 1),
    hint: hintOf(text, offset, allowed)
  }
}

/**
 * Reads a JSON text (RFC 8259) as editors write configurations: with comments, and with commas before closing brackets. Fails
 * with the first syntax error.
 *
 * `JSON.parse` often omits the position, and its message quotes the text, which may be a secret. `jsonc-parser` 3.3
 * would replace this, but it takes 4 ms to load, deep nesting overflows its stack, and it does not report repeated names.
 */
export const readJson = (text: string): Result.Result<JsonReading, JsonFault> => {
  const open: Array<Level> = []
  const repeated: Array<RepeatedName> = []
  let plain = ""
  let allowed = value
  let comma = ""
  let offset = 0
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = offset
    const match = pattern.exec(text)
    if (match !== null) offset = pattern.lastIndex
    return match
  }
  for (;;) {
    while (take(space) !== null || take(comment) !== null);
    if (allowed === "" && offset === text.length) {
      return Result.succeed({ value: JSON.parse(plain) as unknown, repeated })
    }
    const start = offset
    const [written = "", string, scalar, mark = ""] = take(token) ?? []
    const kind = string !== undefined ? "s" : scalar !== undefined ? "v" : mark
    if (kind === "" || !allowed.includes(kind)) return Result.fail(faultAt(text, start, allowed))
    const isName = kind === "s" && !allowed.includes("v")
    const level = open.at(-1)
    if (isName && level !== undefined) {
      const name = JSON.parse(written) as string
      const first = level.names.get(name)
      level.key = name
      if (first === undefined) level.names.set(name, start)
      else {
        repeated.push({
          path: open.map(({ key }) => key),
          lines: [lineAt(text, first), lineAt(text, start)]
        })
      }
    }
    // A comma before a closing bracket is left out.
    if (kind === "}" || kind === "]") open.pop()
    else plain += comma
    comma = kind === "," ? "," : ""
    if (kind !== ",") plain += written
    if (kind === "," && typeof level?.key === "number") level.key += 1

    if (kind === "{") open.push({ close: "}", names: new Map(), key: "" })
    if (kind === "[") open.push({ close: "]", names: new Map(), key: 0 })
    const close = open.at(-1)?.close
    if (kind === "{") allowed = "s}"
    else if (kind === "[" || (kind === "," && close === "]")) allowed = `${value}]`
    else if (kind === ":") allowed = value
    else if (kind === ",") allowed = "s}"
    else if (isName) allowed = ":"
    else allowed = close === undefined ? "" : `,${close}`
  }
}
