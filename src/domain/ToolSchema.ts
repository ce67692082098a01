import { Equal, Predicate } from "effect"
import { nearName } from "./NearName.ts"

/** A JSON Schema (2020-12 or draft-07) as a server sends it. */
export type JsonSchema = Readonly<Record<string, unknown>>

/** The names that JSON Schema has for the types of values. */
export type JsonType = "string" | "number" | "integer" | "boolean" | "object" | "array" | "null"

const jsonTypes: ReadonlyArray<unknown> = [
  "string",
  "number",
  "integer",
  "boolean",
  "object",
  "array",
  "null"
] satisfies ReadonlyArray<JsonType>

/** Schemas nest and refer to themselves. Below this depth nothing is looked at. */
export const maxDepth = 16

export const isRecord = (value: unknown): value is JsonSchema =>
  Predicate.isObject(value) && !Array.isArray(value)

export const listOf = (value: unknown): ReadonlyArray<unknown> => (Array.isArray(value) ? value : [])

const own = (record: unknown, name: string): unknown =>
  isRecord(record) && Object.hasOwn(record, name) ? record[name] : undefined

/** What a JSON pointer into the schema refers to (RFC 6901 §6); `undefined` for other references. */
const referred = (root: JsonSchema, reference: unknown): unknown => {
  if (typeof reference !== "string" || !/^#(\/[^%]*)?$/.test(reference)) return undefined
  const steps = reference.split("/").slice(1)
  return steps.reduce<unknown>((node, step) => {
    const name = step.replaceAll("~1", "/").replaceAll("~0", "~")
    return Array.isArray(node) ? node[Number(name)] : own(node, name)
  }, root)
}

/** Schemas that one schema may be composed of. Lists of countries as `oneOf` have 250. */
const maxParts = 500

/** Whether a schema is composed of few enough others. Each is counted once. */
const known = new WeakMap<JsonSchema, boolean>()

/** False for a schema that is composed of itself, or of so many others that looking at them would not end. */
const isSmall = (root: JsonSchema, schema: JsonSchema): boolean => {
  const before = known.get(schema)
  if (before !== undefined) return before
  const waiting: Array<unknown> = [schema]
  let count = 0
  while (waiting.length > 0 && count <= maxParts) {
    const node = waiting.pop()
    if (!isRecord(node)) continue
    count++
    const lists = [node["allOf"], node["anyOf"], node["oneOf"]].flatMap(listOf)
    for (const part of lists.slice(0, maxParts + 1)) waiting.push(part)
    if ("$ref" in node) waiting.push(referred(root, node["$ref"]))
  }
  known.set(schema, count <= maxParts)
  return count <= maxParts
}

/** A schema without its references; `undefined` if it cannot be understood, and so allows any value. */
export const resolved = (root: JsonSchema, node: unknown, depth = 0): JsonSchema | undefined => {
  if (!isRecord(node) || depth > maxDepth || "$dynamicRef" in node || "$recursiveRef" in node)
    return undefined
  if (!isSmall(root, node)) return undefined
  return "$ref" in node ? resolved(root, referred(root, node["$ref"]), depth + 1) : node
}

export const alternatives = (node: JsonSchema): ReadonlyArray<unknown> | undefined =>
  [node["anyOf"], node["oneOf"]].find(
    (list): list is Array<unknown> => Array.isArray(list) && list.length > 0
  )

const typeOfValue = (value: unknown): JsonType => {
  if (value === null) return "null"
  if (Array.isArray(value)) return "array"
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number"
  return typeof value === "string" ? "string" : typeof value === "boolean" ? "boolean" : "object"
}

/** The types that the keyword `type` names; `undefined` if it is absent, or names one that JSON Schema does not have. */
const namedTypes = (node: JsonSchema): ReadonlyArray<JsonType> | undefined => {
  if (node["type"] === undefined) return undefined
  const types: ReadonlyArray<unknown> = Array.isArray(node["type"]) ? node["type"] : [node["type"]]
  if (!types.every((type): type is JsonType => jsonTypes.includes(type))) return undefined
  // OpenAPI has this word for it.
  return node["nullable"] === true ? [...types, "null"] : types
}

/** The values that a schema lists; `undefined` if it allows others. */
const choicesOf = (node: JsonSchema): ReadonlyArray<unknown> | undefined => {
  if ("const" in node) return [node["const"]]
  const list = node["enum"]
  if (!Array.isArray(list)) return undefined
  return node["nullable"] === true ? [...list, null] : list
}

/** The types that a value may have; `undefined` if the schema allows any, or cannot be understood. */
export const typesOf = (
  root: JsonSchema,
  schema: unknown,
  depth = 0
): ReadonlyArray<JsonType> | undefined => {
  const node = resolved(root, schema)
  if (node === undefined || depth > maxDepth) return undefined
  const types = namedTypes(node)
  if (types !== undefined) return types
  const choices = choicesOf(node)
  if (choices !== undefined) return [...new Set(choices.map(typeOfValue))]
  for (const part of listOf(node["allOf"])) {
    const ofPart = typesOf(root, part, depth + 1)
    if (ofPart !== undefined) return ofPart
  }
  const ofBranches = alternatives(node)?.map((branch) => typesOf(root, branch, depth + 1))
  if (ofBranches === undefined || ofBranches.includes(undefined)) return undefined
  return [...new Set(ofBranches.flatMap((branch) => branch ?? []))]
}

/** The schemas that hold for a value together: the schema, and the parts of its `allOf`. */
export const parts = (root: JsonSchema, schema: unknown, depth = 0): ReadonlyArray<JsonSchema> => {
  const node = resolved(root, schema)
  if (node === undefined || depth > maxDepth) return []
  return [node, ...listOf(node["allOf"]).flatMap((part) => parts(root, part, depth + 1))]
}

/** The schema of a property; `undefined` if it is not listed. */
export const propertyOf = (root: JsonSchema, schema: unknown, name: string, depth = 0): unknown => {
  for (const node of parts(root, schema)) {
    const found = own(node["properties"], name)
    if (found !== undefined) return found
    for (const branch of depth > maxDepth ? [] : (alternatives(node) ?? [])) {
      const inBranch = propertyOf(root, branch, name, depth + 1)
      if (inBranch !== undefined) return inBranch
    }
  }
  return undefined
}

/** The schema of the elements of a list. */
export const itemsOf = (root: JsonSchema, schema: unknown): unknown =>
  parts(root, schema)
    .flatMap((node) => [node, ...(alternatives(node) ?? []).flatMap((branch) => parts(root, branch))])
    .map(({ items }) => items)
    .find(isRecord)

/** The values that a value of this schema is chosen from; `undefined` if it allows others. */
export const choices = (root: JsonSchema, schema: unknown): ReadonlyArray<unknown> | undefined => {
  const node = resolved(root, schema)
  if (node === undefined) return undefined
  const own = choicesOf(node)
  if (own !== undefined) return own
  const branches = alternatives(node)?.map((branch) =>
    typesOf(root, branch)?.join() === "null" ? [] : choices(root, branch)
  )
  if (branches === undefined || branches.includes(undefined)) return undefined
  return branches.flatMap((branch) => branch ?? [])
}

/** The type of a schema in words: `string or null`, `list of integers`, `open | closed`, `any`. */
export const typeText = (root: JsonSchema, schema: unknown): string => {
  const chosen = choices(root, schema)
  if (chosen !== undefined && chosen.length > 0) {
    return chosen.map((choice) => (typeof choice === "string" ? choice : JSON.stringify(choice))).join(" | ")
  }
  const types = typesOf(root, schema)
  if (types === undefined) return "any"
  return types
    .map((type) => {
      if (type !== "array") return type
      const items = typesOf(root, itemsOf(root, schema))
      return items === undefined ? "list" : `list of ${items.join(" or ")}`
    })
    .join(" or ")
}

/** What is wrong with arguments. A path is that of the value: `["filter", "author"]`. */
export type ArgumentProblem =
  | { readonly _tag: "Unknown"; readonly path: ReadonlyArray<string>; readonly near: string | undefined }
  | { readonly _tag: "Missing"; readonly path: ReadonlyArray<string>; readonly type: string }
  | {
      readonly _tag: "Type"
      readonly path: ReadonlyArray<string>
      readonly expected: string
      readonly value: unknown
    }
  | {
      readonly _tag: "Choice"
      readonly path: ReadonlyArray<string>
      readonly choices: ReadonlyArray<unknown>
      readonly value: unknown
    }
  | {
      readonly _tag: "Limit"
      readonly path: ReadonlyArray<string>
      readonly keyword: Limit["keyword"]
      readonly limit: number
      readonly value: unknown
    }

/** The keywords that bound a value, and for which type. */
const limits = [
  { type: "number", keyword: "minimum", isKept: (size, limit) => size >= limit },
  { type: "number", keyword: "maximum", isKept: (size, limit) => size <= limit },
  { type: "number", keyword: "exclusiveMinimum", isKept: (size, limit) => size > limit },
  { type: "number", keyword: "exclusiveMaximum", isKept: (size, limit) => size < limit },
  { type: "string", keyword: "minLength", isKept: (size, limit) => size >= limit },
  { type: "string", keyword: "maxLength", isKept: (size, limit) => size <= limit },
  { type: "array", keyword: "minItems", isKept: (size, limit) => size >= limit },
  { type: "array", keyword: "maxItems", isKept: (size, limit) => size <= limit }
] as const satisfies ReadonlyArray<{
  readonly type: JsonType
  readonly keyword: string
  readonly isKept: (size: number, limit: number) => boolean
}>
type Limit = (typeof limits)[number]

/** What a limit counts: the number itself, characters (RFC 8259), or elements. */
const sizeOf = (value: unknown): number => {
  if (typeof value === "number") return value
  return Array.isArray(value) ? value.length : Array.from(String(value)).length
}

/** The limits that a value exceeds. A pattern is left to the server: matching one that it wrote may take for ever. */
const exceeded = (
  node: JsonSchema,
  value: unknown,
  path: ReadonlyArray<string>
): ReadonlyArray<ArgumentProblem> => {
  const set = limits.filter(({ keyword, type }) => typeof node[keyword] === "number" && fits(type, value))
  const size = set.length === 0 ? 0 : sizeOf(value)
  return set.flatMap(({ isKept, keyword }) => {
    const limit = Number(node[keyword])
    return isKept(size, limit) ? [] : [{ _tag: "Limit", path, keyword, limit, value }]
  })
}

/** Keywords that may define further names. */
const composing = [
  "allOf",
  "anyOf",
  "oneOf",
  "if",
  "then",
  "else",
  "dependentSchemas",
  "dependencies",
  "$ref"
]

/**
 * The names that a schema does not list. Without `additionalProperties` JSON Schema allows them, and most servers ignore them:
 * then only a name that is probably misspelt counts.
 */
const unknownNames = (
  node: JsonSchema,
  value: JsonSchema,
  path: ReadonlyArray<string>
): ReadonlyArray<ArgumentProblem> => {
  const { additionalProperties, patternProperties, properties } = node
  if (patternProperties !== undefined || !isRecord(properties)) return []
  const isClosed = additionalProperties === false
  if (!isClosed && (additionalProperties !== undefined || composing.some((keyword) => keyword in node)))
    return []
  const free = Object.keys(properties).filter((name) => !Object.hasOwn(value, name))
  return Object.keys(value)
    .filter((name) => !Object.hasOwn(properties, name))
    .map((name) => ({ _tag: "Unknown" as const, path: [...path, name], near: nearName(name, free) }))
    .filter(({ near }) => isClosed || near !== undefined)
}

/** Schemas that a check looks at: about a second. Alternatives within alternatives multiply, and no answer is due then. */
const maxVisits = 10_000

/** A check of the arguments of one call. */
interface Check {
  readonly root: JsonSchema
  visits: number
}

const ofObject = (
  check: Check,
  node: JsonSchema,
  value: JsonSchema,
  path: ReadonlyArray<string>,
  depth: number
): ReadonlyArray<ArgumentProblem> => {
  const { root } = check
  const missing = listOf(node["required"]).flatMap((name): ReadonlyArray<ArgumentProblem> => {
    if (typeof name !== "string" || Object.hasOwn(value, name)) return []
    // Another part of the schema may list it.
    const property =
      propertyOf(root, node, name) ?? (path.length === 0 ? propertyOf(root, root, name) : undefined)
    // The server fills it in.
    if ([property, resolved(root, property)].some((one) => isRecord(one) && "default" in one)) return []
    return [{ _tag: "Missing", path: [...path, name], type: typeText(root, property) }]
  })
  const nested = Object.entries(value).flatMap(([name, one]) => {
    const property = own(node["properties"], name)
    return property === undefined ? [] : problems(check, property, one, [...path, name], depth + 1)
  })
  return [...unknownNames(node, value, path), ...missing, ...nested]
}

/** True for a value of a type. */
export const fits = (type: JsonType, value: unknown): boolean => {
  const actual = typeOfValue(value)
  return actual === type || (type === "number" && actual === "integer")
}

const problems = (
  check: Check,
  schema: unknown,
  value: unknown,
  path: ReadonlyArray<string>,
  depth: number
): ReadonlyArray<ArgumentProblem> => {
  const { root } = check
  const node = resolved(root, schema)
  if (node === undefined || depth > maxDepth || ++check.visits > maxVisits) return []
  const types = namedTypes(node)
  if (types !== undefined && !types.some((type) => fits(type, value))) {
    return [{ _tag: "Type", path, expected: typeText(root, node), value }]
  }
  const listed = choicesOf(node)
  if (listed !== undefined && !listed.some((choice) => Equal.equals(choice, value))) {
    return [{ _tag: "Choice", path, choices: listed, value }]
  }
  const all = listOf(node["allOf"]).flatMap((part) => problems(check, part, value, path, depth + 1))
  const branches = (alternatives(node) ?? []).map((branch) => problems(check, branch, value, path, depth + 1))
  const isOfOtherType = ([first]: ReadonlyArray<ArgumentProblem>) =>
    first?._tag === "Type" && first.path === path
  // The alternative that was probably meant is one of the type of the value.
  const fewest =
    branches.toSorted(
      (a, b) => Number(isOfOtherType(a)) - Number(isOfOtherType(b)) || a.length - b.length
    )[0] ?? []
  const isWrongType = fewest.length > 0 && branches.every(isOfOtherType)
  const ofBranches: ReadonlyArray<ArgumentProblem> = isWrongType
    ? [{ _tag: "Type", path, expected: typeText(root, node), value }]
    : fewest
  const items = node["prefixItems"] === undefined ? node["items"] : undefined
  const within = Array.isArray(value)
    ? value.flatMap((one, at) => problems(check, items, one, [...path, String(at)], depth + 1))
    : isRecord(value)
      ? ofObject(check, node, value, path, depth)
      : []
  return [...exceeded(node, value, path), ...all, ...ofBranches, ...within]
}

/**
 * What is certainly wrong with the arguments of a tool: names that are not listed, values that are missing, wrong types, and
 * limits that are exceeded. What the schema says in another way (`if`, `not`, formats, patterns, foreign references) is left to the server, and so is a schema that
 * takes too long.
 */
export const argumentProblems = (schema: JsonSchema, given: JsonSchema): ReadonlyArray<ArgumentProblem> => {
  const check: Check = { root: schema, visits: 0 }
  const found = problems(check, schema, given, [], 0)
  return check.visits > maxVisits ? [] : found
}
