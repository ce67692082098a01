import { isDeepStrictEqual } from "node:util"
import { Predicate } from "effect"
import { type AST, getStaticTOMLValue, parseTOML, traverseNodes } from "toml-eslint-parser"
import type { TextEdit } from "../../ports/FileEditor.ts"
import { isEdited } from "./EditedValue.ts"
import { afterLine, apply, eolOf, lineStart, type Replacement } from "./TextReplacement.ts"

type Path = ReadonlyArray<string | number>

const isSame = (one: Path, other: Path): boolean => isDeepStrictEqual([...one], [...other])
const isBelow = (path: Path, above: Path): boolean => isSame(path.slice(0, above.length), above)

/** A key and its value, wherever it is written, with its path from the root. */
interface Field {
  readonly path: Path
  readonly node: AST.TOMLKeyValue
}

const keysOf = ({ keys }: AST.TOMLKey): ReadonlyArray<string> =>
  keys.map((key) => (key.type === "TOMLBare" ? key.name : key.value))

/** The library would write the fields of such a key into the prototype of all objects. */
const forbiddenKey = "__proto__"

/** Reads a TOML text. Throws what is wrong with it. */
export const parseToml = (text: string): unknown => {
  const program = parseTOML(text)
  traverseNodes(program, {
    enterNode: (node) => {
      if (node.type !== "TOMLKey" || !keysOf(node).includes(forbiddenKey)) return
      throw Object.assign(new Error(), {
        lineNumber: node.loc.start.line,
        problem: `has a key "${forbiddenKey}"`
      })
    },
    leaveNode: () => undefined
  })
  return getStaticTOMLValue(program)
}

const fieldsIn = (body: ReadonlyArray<AST.TOMLKeyValue>, above: Path): ReadonlyArray<Field> =>
  body.flatMap((node) => {
    const path = [...above, ...keysOf(node.key)]
    const inner = node.value.type === "TOMLInlineTable" ? fieldsIn(node.value.body, path) : []
    return [{ path, node }, ...inner]
  })

/** The parts of a document. */
interface Document {
  readonly tables: ReadonlyArray<AST.TOMLTable>
  readonly fields: ReadonlyArray<Field>
}

const documentOf = (text: string): Document => {
  const [{ body }] = parseTOML(text).body
  const tables = body.filter((node) => node.type === "TOMLTable")
  const root = body.filter((node) => node.type === "TOMLKeyValue")
  return {
    tables,
    fields: [...fieldsIn(root, []), ...tables.flatMap((table) => fieldsIn(table.body, table.resolvedKey))]
  }
}

/** A basic string: its escapes are those of JSON, but for DEL. */
const string = (text: string): string => JSON.stringify(text).replaceAll("\u007f", "\\u007F")
const key = (name: string): string => (/^[\w-]+$/.test(name) ? name : string(name))

const inline = (value: unknown): string => {
  if (typeof value === "string") return string(value)
  if (Array.isArray(value)) return `[${value.map(inline).join(", ")}]`
  if (!Predicate.isReadonlyObject(value)) return String(value)
  const fields = Object.entries(value).map(([name, field]) => `${key(name)} = ${inline(field)}`)
  return fields.length === 0 ? "{}" : `{ ${fields.join(", ")} }`
}

const endOf = (node: { readonly range: AST.HasLocs["range"] }): number => node.range[1]

/** Adds a table at the end of a text, below an empty line. */
const append = (
  text: string,
  path: ReadonlyArray<string>,
  fields: Readonly<Record<string, unknown>>
): ReadonlyArray<Replacement> => {
  const eol = eolOf(text)
  const lines = [
    `[${path.map(key).join(".")}]`,
    ...Object.entries(fields).map(([name, value]) => `${key(name)} = ${inline(value)}`)
  ].join(eol)
  const isEnded = text === "" || text.endsWith("\n")
  const before = `${isEnded ? "" : eol}${text === "" ? "" : eol}`
  return [{ start: text.length, end: text.length, text: `${before}${lines}${isEnded ? eol : ""}` }]
}

/** Adds a field to an inline table. */
const insertInline = (
  table: AST.TOMLInlineTable,
  name: string,
  value: unknown
): ReadonlyArray<Replacement> => {
  const last = table.body.at(-1)
  const field = `${key(name)} = ${inline(value)}`
  return last === undefined
    ? [{ start: table.range[0], end: endOf(table), text: `{ ${field} }` }]
    : [{ start: endOf(last), end: endOf(last), text: `, ${field}` }]
}

const add = (
  text: string,
  { fields, tables }: Document,
  path: ReadonlyArray<string>,
  value: unknown
): ReadonlyArray<Replacement> | undefined => {
  const [above, name = ""] = [path.slice(0, -1), path.at(-1)]
  const inlineTable = fields.find((field) => isSame(field.path, above))?.node.value
  if (inlineTable !== undefined) {
    return inlineTable.type === "TOMLInlineTable" ? insertInline(inlineTable, name, value) : undefined
  }
  if (Predicate.isReadonlyObject(value)) return append(text, path, value)
  const table = tables.find(({ kind, resolvedKey }) => kind === "standard" && isSame(resolvedKey, above))
  if (table === undefined) return undefined
  const at = afterLine(text, endOf(table.body.at(-1) ?? table.key))
  const isEnded = text.slice(0, at).endsWith("\n")
  const line = `${key(name)} = ${inline(value)}`
  return [{ start: at, end: at, text: isEnded ? `${line}${eolOf(text)}` : `${eolOf(text)}${line}` }]
}

/** The lines of a table, and the empty line above it. Comments below its last field stay. */
const linesOf = (text: string, table: AST.TOMLTable): Replacement => {
  const start = lineStart(text, table.range[0])
  const end = afterLine(text, Math.max(endOf(table.key), endOf(table.body.at(-1) ?? table.key)))
  const blank = /(^|\n)(\r?\n)$/.exec(text.slice(0, start))?.[2] ?? ""
  // The last line of a text that ends without a line break: the line break above it goes.
  const isCut = end === text.length && !text.endsWith("\n")
  const lead = isCut ? (/\r?\n$/.exec(text.slice(0, start - blank.length))?.[0] ?? "") : ""
  return { start: start - blank.length - lead.length, end, text: "" }
}

const removeField = (text: string, { node }: Field): Replacement => {
  const { parent } = node
  if (parent.type !== "TOMLInlineTable") {
    return { start: lineStart(text, node.range[0]), end: afterLine(text, endOf(node)), text: "" }
  }
  const index = parent.body.indexOf(node)
  const [before, after] = [parent.body[index - 1], parent.body[index + 1]]
  if (before !== undefined) return { start: endOf(before), end: endOf(node), text: "" }
  return after === undefined
    ? { start: parent.range[0], end: endOf(parent), text: "{}" }
    : { start: node.range[0], end: after.range[0], text: "" }
}

const remove = (text: string, { fields, tables }: Document, path: Path): ReadonlyArray<Replacement> => {
  const own = tables.filter(({ resolvedKey }) => isBelow(resolvedKey, path))
  const others = fields.filter(
    (field) =>
      isBelow(field.path, path) &&
      !own.some((table) => field.node.range[0] >= table.range[0] && endOf(field.node) <= endOf(table))
  )
  // Fields within one that is removed go with it.
  const outer = others.filter(
    ({ node }) =>
      !others.some(
        (other) =>
          other.node !== node && other.node.range[0] <= node.range[0] && endOf(other.node) >= endOf(node)
      )
  )
  return [...own.map((table) => linesOf(text, table)), ...outer.map((field) => removeField(text, field))]
}

const editText = (text: string, { path, ...edit }: TextEdit): string | undefined => {
  const document = documentOf(text)
  if (!("value" in edit)) return apply(text, remove(text, document, path))
  const field = document.fields.find((one) => isSame(one.path, path))
  if (field !== undefined) {
    const [start, end] = field.node.value.range
    return apply(text, [{ start, end, text: inline(edit.value) }])
  }
  if (document.tables.some(({ resolvedKey }) => isBelow(resolvedKey, path))) {
    const removed = apply(text, remove(text, document, path))
    return editText(removed, { path, value: edit.value })
  }
  const added = add(text, document, path, edit.value)
  return added === undefined ? undefined : apply(text, added)
}

/** The value of a text. Undefined: it has no valid syntax. */
const valueOf = (text: string): unknown => {
  try {
    return parseToml(text)
  } catch {
    return undefined
  }
}

/**
 * Edits a TOML text. What is not edited stays as the user wrote it, comments included. A new table is appended. Undefined: the
 * text has no valid syntax, or writes what is edited in a way that cannot be edited safely.
 */
export const editedToml = (source: string, edits: ReadonlyArray<TextEdit>): string | undefined => {
  let text = source
  for (const edit of edits) {
    const before = valueOf(text)
    if (before === undefined) return undefined
    const after = editText(text, edit)
    if (after === text) continue
    if (after === undefined || !isEdited(before, valueOf(after), edit)) return undefined
    text = after
  }
  return text
}
