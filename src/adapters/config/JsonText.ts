/** The first syntax error of a JSON text. */
export interface JsonFault {
  /** Line, from 1. */
  readonly line: number
  /** Column, from 1, in UTF-16 units as editors count them. */
  readonly column: number
  /** The usual mistake at such a place. Absent: no common mistake. */
  readonly hint: string | undefined
}

// Strings may not contain control characters (RFC 8259 §7).
const token =
  // oxlint-disable-next-line no-control-regex
  /("[^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\u0000-\u001f]*)*")|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)|([{}[\],:])/y

const space = /[ \t\n\r]*/y

/** The kinds of tokens that start a value: a string, another scalar, an object, a list. */
const value = "sv{["

const hintOf = (text: string, offset: number, previous: string): string | undefined => {
  const found = text[offset]
  if (found === undefined) return "it ends too early"
  if (found === "/" || found === "#") return "comments are not allowed"
  if (found === "'") return "strings need double quotes"
  return previous === "," && (found === "}" || found === "]") ? "remove the comma before it" : undefined
}

/**
 * Finds the first syntax error of a JSON text (RFC 8259). Undefined: the text is valid.
 *
 * `JSON.parse` often omits the position, and its message quotes the text, which may be a secret. `jsonc-parser` 3.3
 * would replace this, but it takes 4 ms to load, and deep nesting overflows its stack.
 */
export const faultOf = (text: string): JsonFault | undefined => {
  const open: Array<"}" | "]"> = []
  let allowed = value
  let previous = ""
  let offset = 0
  for (;;) {
    space.lastIndex = offset
    space.test(text)
    offset = space.lastIndex
    if (allowed === "" && offset === text.length) return undefined

    token.lastIndex = offset
    const [, string, scalar, mark = ""] = token.exec(text) ?? []
    const kind = string !== undefined ? "s" : scalar !== undefined ? "v" : mark
    if (kind === "" || !allowed.includes(kind)) break
    const isKey = kind === "s" && !allowed.includes("v")
    offset = token.lastIndex
    previous = kind

    if (kind === "{") open.push("}")
    if (kind === "[") open.push("]")
    if (kind === "}" || kind === "]") open.pop()
    const close = open.at(-1)
    if (kind === "{") allowed = "s}"
    else if (kind === "[") allowed = `${value}]`
    else if (kind === ":" || (kind === "," && close === "]")) allowed = value
    else if (kind === ",") allowed = "s"
    else if (isKey) allowed = ":"
    else allowed = close === undefined ? "" : `,${close}`
  }
  const lines = text.slice(0, offset).split("\n")
  return {
    line: lines.length,
    column: (lines.at(-1)?.length ?? 0) + 1,
    hint: hintOf(text, offset, previous)
  }
}
