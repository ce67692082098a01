import { Predicate } from "effect"
import {
  type Document,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  parseAllDocuments,
  visit,
  type YAMLMap,
  type YAMLSeq
} from "yaml"
import type { TextEdit } from "../../ports/FileEditor.ts"
import { isEdited } from "./EditedValue.ts"
import { afterLine, apply, eolOf, lineStart, type Replacement } from "./TextReplacement.ts"

/** Most aliases. The library looks for the anchor of each from the start of the document: 20,000 take half a minute. */
const maxAliases = 1000

/** Something wrong at an offset, as the library reports it. */
const faultAt = (text: string, offset: number) =>
  Object.assign(new Error(), { linePos: [{ line: text.slice(0, offset).split("\n").length }] })

/**
 * Finds a name that is twice in one mapping, and too many aliases. The library compares each name with each other one, which takes
 * 40 s for 50,000 names.
 */
const check = (text: string, document: Document): void => {
  let aliases = 0
  visit(document, {
    Alias: (_, { range }) => {
      if (++aliases > maxAliases)
        throw Object.assign(faultAt(text, range?.[0] ?? 0), {
          problem: `has more than ${maxAliases} aliases`
        })
    },
    Map: (_, { items }) => {
      const names = new Set<unknown>()
      for (const { key } of items) {
        if (!isScalar(key)) continue
        if (names.has(key.value)) throw faultAt(text, key.range?.[0] ?? 0)
        names.add(key.value)
      }
    }
  })
}

/** One document, whose value has no error. Throws what is wrong with the text. */
const documentOf = (text: string) => {
  const documents = parseAllDocuments(text, { logLevel: "silent", uniqueKeys: false })
  if (!Array.isArray(documents)) return undefined
  const [document, ...others] = documents
  if (others.length > 0) throw new Error("it has several documents")
  for (const error of document?.errors ?? []) throw error
  if (document !== undefined) check(text, document)
  return document
}

/** Reads a YAML text of one document. Throws what is wrong with it. */
export const parseYaml = (text: string): unknown => documentOf(text)?.toJS() ?? null

type Collection = YAMLMap | YAMLSeq
/** A place in a document: what is there, and what it is in. */
interface Found {
  readonly node: Node | null
  /** What a removal takes: the field, or the item of a list. */
  readonly member: Pair | Node
  readonly parent: Collection
}

const isNode = (value: unknown): value is Node => Predicate.isObject(value) && "range" in value

const startOf = (node: Node): number => node.range?.[0] ?? 0
/** Where a value ends, without comments behind it. */
const endOf = (node: Node): number => node.range?.[1] ?? 0

const textOf = (key: unknown): string => String(isScalar(key) ? key.value : key)
const isNamed = (name: string) => (item: unknown) => isMap(item) && item.get("name") === name

const memberOf = (parent: unknown, key: string): Found | undefined => {
  if (isSeq(parent)) {
    const item = parent.items.find(isNamed(key))
    return isNode(item) ? { node: item, member: item, parent } : undefined
  }
  if (!isMap(parent)) return undefined
  const pair = parent.items.find((one) => textOf(one.key) === key)
  return pair && { node: isNode(pair.value) ? pair.value : null, member: pair, parent }
}

const findAt = (root: unknown, path: ReadonlyArray<string>): Found | undefined => {
  let found: Found | undefined
  for (const key of path) {
    found = memberOf(found === undefined ? root : found.node, key)
    if (found === undefined) return undefined
  }
  return found
}

/** Where a field or an item starts: its key, or its dash. */
const memberStart = (text: string, { member, parent }: Pick<Found, "member" | "parent">): number => {
  const node = "key" in member ? member.key : member
  const start = isNode(node) ? startOf(node) : 0
  return isSeq(parent) && parent.flow !== true ? text.lastIndexOf("-", start - 1) : start
}

/** Where a field or an item ends. A field without a value ends behind its colon. */
const memberEnd = (text: string, member: Pair | Node): number => {
  if (!("key" in member)) return endOf(member)
  if (isNode(member.value) && endOf(member.value) > startOf(member.value)) return endOf(member.value)
  return isNode(member.key) ? text.indexOf(":", endOf(member.key)) + 1 : 0
}

/** The end of the lines that a member takes, with the comment behind it. */
const linesEnd = (text: string, end: number): number =>
  end > 0 && text[end - 1] === "\n" ? end : afterLine(text, end)

/** A word that no reader of YAML takes for anything but a text. */
const isPlain = (text: string): boolean =>
  /^[A-Za-z/][\w./-]*$/.test(text) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(text)
const scalar = (value: unknown): string =>
  typeof value === "string" && isPlain(value) ? value : JSON.stringify(value)

const flow = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(flow).join(", ")}]`
  if (!Predicate.isReadonlyObject(value)) return scalar(value)
  const fields = Object.entries(value).map(([name, field]) => `${scalar(name)}: ${flow(field)}`)
  return fields.length === 0 ? "{}" : `{ ${fields.join(", ")} }`
}

const isEmpty = (value: object): boolean => Object.keys(value).length === 0

/** A field on lines of its own. Lists of scalars stay on one line. */
const fieldLines = (name: string, value: unknown, indent: string): ReadonlyArray<string> => {
  const start = `${indent}${scalar(name)}:`
  const inner = `${indent}  `
  if (Array.isArray(value) && value.some(Predicate.isObject)) {
    return [start, ...value.flatMap((item: unknown) => itemLines(item, inner))]
  }
  if (!Predicate.isReadonlyObject(value) || isEmpty(value)) {
    return [`${start} ${flow(value)}`]
  }
  return [start, ...Object.entries(value).flatMap(([key, field]) => fieldLines(key, field, inner))]
}

const itemLines = (value: unknown, indent: string): ReadonlyArray<string> => {
  if (!Predicate.isReadonlyObject(value) || isEmpty(value)) return [`${indent}- ${flow(value)}`]
  const inner = `${indent}  `
  const [first = "", ...others] = Object.entries(value).flatMap(([key, field]) =>
    fieldLines(key, field, inner)
  )
  return [`${indent}- ${first.trimStart()}`, ...others]
}

/** Lines at an offset that starts a line, or ends the text. */
const linesAt = (text: string, at: number, lines: ReadonlyArray<string>): Replacement => {
  const eol = eolOf(text)
  const isStart = at === 0 || text[at - 1] === "\n"
  return { start: at, end: at, text: isStart ? lines.join(eol) + eol : eol + lines.join(eol) }
}

/** Adds a field or an item as the last one. */
const insert = (text: string, parent: Collection, name: string, value: unknown): Replacement | undefined => {
  // Its items have names.
  if (isSeq(parent) && !(Predicate.isReadonlyObject(value) && value["name"] === name)) return undefined
  const last = parent.items.at(-1)
  if (parent.flow === true || last === undefined) {
    const written = isSeq(parent) ? flow(value) : `${scalar(name)}: ${flow(value)}`
    const end = endOf(parent)
    if (last === undefined) {
      const [open, close] = isSeq(parent) ? ["[", "]"] : ["{ ", " }"]
      return { start: startOf(parent), end, text: `${open}${written}${close}` }
    }
    const at = memberEnd(text, last as Pair | Node)
    return { start: at, end: at, text: `, ${written}` }
  }
  const first = parent.items[0] as Pair | Node
  const start = memberStart(text, { member: first, parent })
  const indent = text.slice(lineStart(text, start), start)
  if (indent.trim() !== "") return undefined
  const at = linesEnd(text, memberEnd(text, last as Pair | Node))
  return linesAt(text, at, isSeq(parent) ? itemLines(value, indent) : fieldLines(name, value, indent))
}

/** Where the value of a field can start: behind its colon. An item of a list is its own value. */
const valueStart = (text: string, { member, node }: Found): number =>
  "key" in member && isNode(member.key)
    ? text.indexOf(":", endOf(member.key)) + 1
    : startOf(node ?? (member as Node))

/** Writes another value in the place of one. */
const replace = (text: string, found: Found, value: unknown): Replacement => {
  const { member, node } = found
  const written = flow(value)
  const isInline = node !== null && (isScalar(node) || ("flow" in node && node.flow === true))
  if (isInline && node !== null && endOf(node) > startOf(node)) {
    // A block scalar ends with its line.
    const isBlock = text.slice(startOf(node), endOf(node)).endsWith("\n")
    return { start: startOf(node), end: endOf(node), text: isBlock ? written + eolOf(text) : written }
  }
  const start = valueStart(text, found)
  const end = memberEnd(text, member)
  const broken = /(\r?\n)?$/.exec(text.slice(start, end))?.[0] ?? ""
  return { start, end: Math.max(start, end), text: `${"key" in member ? " " : ""}${written}${broken}` }
}

/** Removes a field or an item with its lines, or from its line. */
const remove = (text: string, found: Found): Replacement => {
  const { member, parent } = found
  const items: ReadonlyArray<unknown> = parent.items
  const index = items.indexOf(member)
  const [before, after] = [items[index - 1], items[index + 1]] as ReadonlyArray<Pair | Node | undefined>
  const start = memberStart(text, found)
  if (parent.flow === true) {
    if (before !== undefined)
      return { start: memberEnd(text, before), end: memberEnd(text, member), text: "" }
    return after === undefined
      ? { start: startOf(parent), end: endOf(parent), text: isSeq(parent) ? "[]" : "{}" }
      : { start, end: memberStart(text, { member: after, parent }), text: "" }
  }
  const end = linesEnd(text, memberEnd(text, member))
  if (text.slice(lineStart(text, start), start).trim() !== "" && after !== undefined) {
    // It shares its line with the dash of the item that it is in.
    return { start, end: memberStart(text, { member: after, parent }), text: "" }
  }
  // The last line of a text that ends without a line break: the one above it goes.
  const isCut = end === text.length && !text.endsWith("\n")
  const from = lineStart(text, start)
  const lead = isCut ? (/\r?\n$/.exec(text.slice(0, from))?.[0] ?? "") : ""
  return { start: from - lead.length, end, text: "" }
}

const editText = (text: string, { path, prunes, ...edit }: TextEdit): string | undefined => {
  const root = documentOf(text)?.contents ?? null
  const found = findAt(root, path)
  if (!("value" in edit)) {
    if (found === undefined) return text
    const own = remove(text, found)
    const outer = findAt(root, path.slice(0, -1))
    if (found.parent.items.length > 1 || found.parent.flow === true || outer === undefined) {
      return apply(text, [own])
    }
    // A block without a field would be no value.
    const colon = valueStart(text, outer)
    if (prunes === true && !text.slice(colon, own.start).includes("#"))
      return apply(text, [remove(text, outer)])
    return apply(text, [own, { start: colon, end: colon, text: isSeq(found.parent) ? " []" : " {}" }])
  }
  if (found !== undefined) return apply(text, [replace(text, found, edit.value)])
  let depth = path.length - 1
  while (depth > 0 && findAt(root, path.slice(0, depth)) === undefined) depth--
  const above = findAt(root, path.slice(0, depth))
  const [name = "", ...deeper] = path.slice(depth)
  const value = deeper.reduceRight<unknown>((inner, key) => ({ [key]: inner }), edit.value)
  const parent = depth === 0 ? root : above?.node
  if (depth === 0 && (root === null || (isScalar(root) && root.value === null))) {
    return apply(text, [linesAt(text, text.length, fieldLines(name, value, ""))])
  }
  if (!isMap(parent) && !isSeq(parent)) return undefined
  const inserted = insert(text, parent, name, value)
  return inserted === undefined ? undefined : apply(text, [inserted])
}

/** The value of a text, and whether it has valid syntax. */
const valueOf = (text: string): { readonly value: unknown } | undefined => {
  try {
    return { value: parseYaml(text) }
  } catch {
    return undefined
  }
}

/**
 * Edits a YAML text of one document. What is not edited stays as the user wrote it, comments included. Undefined: the text has
 * no valid syntax, or writes what is edited in a way that cannot be edited safely.
 */
export const editedYaml = (source: string, edits: ReadonlyArray<TextEdit>): string | undefined => {
  let text = source
  for (const edit of edits) {
    const before = valueOf(text)
    if (before === undefined) return undefined
    const edited = editText(text, edit)
    if (edited === text) continue
    const after = edited === undefined ? undefined : valueOf(edited)
    if (edited === undefined || after === undefined || !isEdited(before.value, after.value, edit))
      return undefined
    text = edited
  }
  return text
}
