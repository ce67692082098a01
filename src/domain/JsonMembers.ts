import { ByteParts } from "./ByteParts.ts"
import { scanJson } from "./JsonScanner.ts"

/** A member of an object. */
export interface JsonMember {
  readonly name: string
  /** The bytes of its value. */
  readonly value: ByteParts
}

/** The members of a JSON object, in their order; `undefined` for another text. Names may repeat: the last one counts. */
export const membersOf = (text: ByteParts): ReadonlyArray<JsonMember> | undefined => {
  const members: Array<JsonMember> = []
  let name: string | undefined
  let isObject = false
  const isValid = scanJson(text, {
    onOpen: (level, _, opensObject) => {
      if (level === 0) isObject = opensObject
    },
    onName: (level, from, to) => {
      if (level === 1) name = JSON.parse(text.slice(from, to).text())
    },
    onValue: (level, from, to) => {
      if (level === 1 && name !== undefined) members.push({ name, value: text.slice(from, to) })
    },
    onLineBreak: () => undefined
  })
  return isValid && isObject ? members : undefined
}

/** The elements of a JSON list; `undefined` for another text. */
export const elementsOf = (text: ByteParts): ReadonlyArray<ByteParts> | undefined => {
  const elements: Array<ByteParts> = []
  let isList = false
  const isValid = scanJson(text, {
    onOpen: (level, _, opensObject) => {
      if (level === 0) isList = !opensObject
    },
    onName: () => undefined,
    onValue: (level, from, to) => {
      if (level === 1) elements.push(text.slice(from, to))
    },
    onLineBreak: () => undefined
  })
  return isValid && isList ? elements : undefined
}

/** The value at the end of a path through objects; `undefined` if the path ends before it. */
export const valueAt = (text: ByteParts | undefined, ...path: ReadonlyArray<string>): ByteParts | undefined =>
  path.reduce(
    (at, name) =>
      at === undefined ? undefined : membersOf(at)?.findLast((member) => member.name === name)?.value,
    text
  )

/** A JSON value as it is, for short values. */
export const parsedAt = (text: ByteParts | undefined, ...path: ReadonlyArray<string>): unknown => {
  const value = valueAt(text, ...path)
  return value === undefined ? undefined : JSON.parse(value.text())
}

/** The bytes of a value as JSON. */
export const jsonOf = (value: unknown): ByteParts => ByteParts.ofText(JSON.stringify(value))

const joined = (parts: ReadonlyArray<ByteParts>): ByteParts => {
  const bytes = new ByteParts()
  for (const part of parts) for (const each of part.parts) bytes.add(each)
  return bytes
}

const enclosed = (open: string, parts: ReadonlyArray<ReadonlyArray<ByteParts>>, close: string): ByteParts =>
  joined([
    ByteParts.ofText(open),
    ...parts.flatMap((part, at) => (at === 0 ? part : [ByteParts.ofText(","), ...part])),
    ByteParts.ofText(close)
  ])

/** Makes an object of members. Their values keep their bytes. */
export const objectOf = (members: ReadonlyArray<JsonMember>): ByteParts =>
  enclosed(
    "{",
    members.map(({ name, value }) => [ByteParts.ofText(`${JSON.stringify(name)}:`), value]),
    "}"
  )

/** Makes a list of elements. They keep their bytes. */
export const listOf = (elements: ReadonlyArray<ByteParts>): ByteParts =>
  enclosed(
    "[",
    elements.map((element) => [element]),
    "]"
  )

/**
 * Replaces members of an object, and adds those that it does not have. `undefined` removes one. A text that is no object
 * becomes one.
 */
export const withMembers = (
  text: ByteParts | undefined,
  changes: Readonly<Record<string, ByteParts | undefined>>
): ByteParts => {
  const kept = (text === undefined ? undefined : membersOf(text)) ?? []
  return objectOf([
    ...kept.filter(({ name }) => !Object.hasOwn(changes, name)),
    ...Object.entries(changes).flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }]))
  ])
}
