import { Predicate } from "effect"
import { createScanner, findNodeAtLocation, type Node, type ParseError, parseTree } from "jsonc-parser"
import type { TextEdit } from "../../ports/FileEditor.ts"
import { isEdited } from "./EditedValue.ts"
import { parsedJson } from "./ParsedJson.ts"
import { apply, eolOf, lineStart, type Replacement } from "./TextReplacement.ts"

/** How a document is written. */
interface Style {
  readonly eol: string
  /** One level of indentation. */
  readonly unit: string
}

/** The white space before the first character of the line of an offset. */
const indentAt = (text: string, offset: number): string =>
  /^[ \t]*/.exec(text.slice(lineStart(text, offset)))?.[0] ?? ""

/** True if only white space precedes an offset in its line. */
const startsLine = (text: string, offset: number): boolean =>
  text.slice(lineStart(text, offset), offset).trim() === ""

const endOf = ({ length, offset }: Node): number => offset + length

const propertiesOf = (object: Node): ReadonlyArray<Node> => object.children ?? []

/** Tokens of the scanner. Its own names are a `const enum`, which no compiler of single files can read. */
const commaToken = 5
const [lineComment, blockComment, lineBreak, space] = [12, 13, 14, 15]

/** What follows a property, up to the next one or the closing brace. */
interface Following {
  /** The end of the comma. Absent: no comma follows. */
  readonly comma: number | undefined
  /** The end of the comments that start on the line of the property or of its comma. */
  readonly comments: number
}

const followingOf = (text: string, property: Node): Following => {
  const scanner = createScanner(text, false)
  scanner.setPosition(endOf(property))
  let comma: number | undefined
  let comments = endOf(property)
  let isSameLine = true
  for (;;) {
    const kind: number = scanner.scan()
    const end = scanner.getTokenOffset() + scanner.getTokenLength()
    switch (kind) {
      case space:
        break
      case lineBreak:
        isSameLine = false
        break
      case commaToken:
        // The comma may be on a line of its own, with comments after it.
        comma = end
        comments = Math.max(comments, end)
        isSameLine = true
        break
      case lineComment:
      case blockComment:
        if (isSameLine) comments = end
        break
      default:
        return { comma, comments }
    }
  }
}

const styleOf = (text: string, root: Node): Style => {
  const eol = eolOf(text)
  const own = propertiesOf(root).find(({ offset }) => startsLine(text, offset))
  const indent = own === undefined ? "" : indentAt(text, own.offset).slice(indentAt(text, root.offset).length)
  return { eol, unit: indent === "" ? "  " : indent }
}

/** A value on one line, with the spaces that an editor writes. */
const inline = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(inline).join(", ")}]`
  if (!Predicate.isReadonlyObject(value)) return JSON.stringify(value)
  const fields = Object.entries(value).map(([name, field]) => `${JSON.stringify(name)}: ${inline(field)}`)
  return fields.length === 0 ? "{}" : `{ ${fields.join(", ")} }`
}

/** A value on several lines. Lists of scalars stay on one. */
const block = (value: unknown, indent: string, style: Style): string => {
  if (!Predicate.isReadonlyObject(value)) return inline(value)
  const inner = indent + style.unit
  const fields = Object.entries(value).map(
    ([name, field]) => `${inner}${JSON.stringify(name)}: ${block(field, inner, style)}`
  )
  return fields.length === 0 ? "{}" : `{${style.eol}${fields.join(`,${style.eol}`)}${style.eol}${indent}}`
}

const isMinified = (text: string, { children = [] }: Node): boolean => {
  const [name, value] = children
  return (
    name !== undefined && value !== undefined && value.offset === endOf(name) + 1 && text[endOf(name)] === ":"
  )
}

const insertIntoEmpty = (
  text: string,
  object: Node,
  name: string,
  value: unknown,
  style: Style
): ReadonlyArray<Replacement> => {
  const start = object.offset + 1
  const inner = text.slice(start, endOf(object) - 1)
  const field = JSON.stringify(name)
  const isOnOneLine = object.parent !== undefined && !text.trim().includes("\n")
  if (isOnOneLine && inner.trim() === "") {
    return [{ start, end: start + inner.length, text: ` ${field}: ${inline(value)} ` }]
  }
  const outer = indentAt(text, object.offset)
  const indent = outer + style.unit
  const written = `${style.eol}${indent}${field}: ${block(value, indent, style)}`
  const at = start + inner.trimEnd().length
  return [{ start: at, end: start + inner.length, text: `${written}${style.eol}${outer}` }]
}

/** Adds a property as the last one of an object. */
const insert = (
  text: string,
  object: Node,
  name: string,
  value: unknown,
  style: Style
): ReadonlyArray<Replacement> => {
  const last = propertiesOf(object).at(-1)
  if (last === undefined) return insertIntoEmpty(text, object, name, value, style)
  const end = endOf(last)
  const { comma, comments } = followingOf(text, last)
  const trailing = comma === undefined ? "" : ","
  const separator = comma === undefined ? [{ start: end, end, text: "," }] : []
  const field = JSON.stringify(name)
  if (!startsLine(text, last.offset)) {
    const at = comma ?? end
    const written = isMinified(text, last)
      ? `${field}:${JSON.stringify(value)}`
      : ` ${field}: ${inline(value)}`
    return [{ start: at, end: at, text: written + trailing }, ...separator]
  }
  const indent = indentAt(text, last.offset)
  const sibling = last.children?.[1]
  const isOnOneLine =
    sibling?.type === "object" &&
    !text.slice(sibling.offset, endOf(sibling)).includes("\n") &&
    sibling.length > 2
  const written = isOnOneLine ? inline(value) : block(value, indent, style)
  const at = Math.max(comments, comma ?? 0)
  return [{ start: at, end: at, text: `${style.eol}${indent}${field}: ${written}${trailing}` }, ...separator]
}

const replace = (text: string, node: Node, value: unknown, style: Style): ReadonlyArray<Replacement> => {
  const isOnOneLine =
    !startsLine(text, node.parent?.offset ?? 0) || !text.slice(node.offset, endOf(node)).includes("\n")
  const written = isOnOneLine ? inline(value) : block(value, indentAt(text, node.offset), style)
  return [{ start: node.offset, end: endOf(node), text: written }]
}

/** Removes a property, its comma, and the comments behind it. Comments above it stay. */
const remove = (text: string, object: Node, property: Node): ReadonlyArray<Replacement> => {
  const properties = propertiesOf(object)
  const index = properties.indexOf(property)
  const before = properties[index - 1]
  const next = properties[index + 1]
  const { comma, comments } = followingOf(text, property)
  // The comma before the last property goes with it, unless the list ends with one as well.
  const commaBefore =
    before !== undefined && next === undefined && comma === undefined
      ? followingOf(text, before).comma
      : undefined
  const others: ReadonlyArray<Replacement> =
    commaBefore === undefined ? [] : [{ start: commaBefore - 1, end: commaBefore, text: "" }]
  const end = Math.max(comments, comma ?? 0)
  const rest = /^[ \t]*(\r?\n|$)/.exec(text.slice(end))?.[0]
  if (startsLine(text, property.offset) && rest !== undefined) {
    return [{ start: lineStart(text, property.offset), end: end + rest.length, text: "" }, ...others]
  }
  const blankAfter = /^[ \t]*/.exec(text.slice(end))?.[0].length ?? 0
  const blankBefore = /[ \t]*$/.exec(text.slice(0, property.offset))?.[0].length ?? 0
  return next === undefined
    ? [{ start: property.offset - blankBefore, end, text: "" }, ...others]
    : [{ start: property.offset, end: end + blankAfter, text: "" }, ...others]
}

const parsed = (text: string): Node | undefined => parseTree(text, [], { allowTrailingComma: true })

/** An object that has lost its last property, without the white space that is left. */
const withoutBlank = (text: string, path: ReadonlyArray<string>): string => {
  const root = parsed(text)
  const object = root && findNodeAtLocation(root, [...path])
  if (object?.type !== "object" || propertiesOf(object).length > 0) return text
  const inner = text.slice(object.offset + 1, endOf(object) - 1)
  return inner.trim() === "" && inner !== ""
    ? apply(text, [{ start: object.offset + 1, end: endOf(object) - 1, text: "" }])
    : text
}

/** True if an object has only this property, nothing else is written in it, and it is not alone in its own object. */
const isPrunable = (text: string, object: Node, property: Node): boolean => {
  const others = apply(text.slice(object.offset + 1, endOf(object) - 1), [
    { start: property.offset - object.offset - 1, end: endOf(property) - object.offset - 1, text: "" }
  ])
  const outer = object.parent?.parent
  return /^[\s,]*$/.test(others) && outer !== undefined && propertiesOf(outer).length > 1
}

const editText = (text: string, { path, prunes, ...edit }: TextEdit): string | undefined => {
  const root = parsed(text)
  if (root?.type !== "object" || path.length === 0) return undefined
  const style = styleOf(text, root)
  const found = findNodeAtLocation(root, [...path])
  if (!("value" in edit)) {
    if (found?.parent?.parent === undefined) return text
    const object = found.parent.parent
    if (prunes === true && isPrunable(text, object, found.parent)) {
      return editText(text, { path: path.slice(0, -1) })
    }
    const removed = apply(text, remove(text, object, found.parent))
    return withoutBlank(removed, path.slice(0, -1))
  }
  if (found !== undefined) return apply(text, replace(text, found, edit.value, style))
  let depth = path.length - 1
  while (depth > 0 && findNodeAtLocation(root, path.slice(0, depth)) === undefined) depth--
  const object = depth === 0 ? root : findNodeAtLocation(root, path.slice(0, depth))
  const [name = "", ...deeper] = path.slice(depth)
  if (object?.type !== "object") return undefined
  const value = deeper.reduceRight<unknown>((inner, key) => ({ [key]: inner }), edit.value)
  return apply(text, insert(text, object, name, value, style))
}

const valueOf = (text: string): unknown => {
  const errors: Array<ParseError> = []
  const value = parsedJson(text, errors, { allowTrailingComma: true })
  return errors.length === 0 ? value : undefined
}

/**
 * Edits a JSON document with comments as text. What is not edited stays as the user wrote it: comments, order, indentation, line
 * endings, a byte order mark, commas before closing brackets. Undefined: the document is not an object, has no valid syntax,
 * or gives the name of an edited field twice.
 */
export const editedJson = (source: string, edits: ReadonlyArray<TextEdit>): string | undefined => {
  const mark = source.startsWith("\uFEFF") ? "\uFEFF" : ""
  let text: string | undefined = source.slice(mark.length)
  for (const edit of edits) {
    const before: string = text
    text = editText(before, edit)
    if (text === before) continue
    // What the text says must be what the edit asks for, whatever the text looks like.
    if (text === undefined || !isEdited(valueOf(before), valueOf(text), edit)) return undefined
  }
  return mark + text
}
