import { Predicate } from "effect"

type Json = Readonly<Record<string, unknown>>

/** Keywords that the providers refuse at the top level of the parameters of a tool. */
const combining = ["oneOf", "anyOf", "allOf", "not", "enum", "$schema"]

const typeNames = new Set<unknown>(["array", "boolean", "integer", "null", "number", "object", "string"])
/** Keywords with schemas by name. */
const maps = new Set(["$defs", "definitions", "dependentSchemas", "patternProperties", "properties"])
const lists = new Set(["allOf", "anyOf", "oneOf", "prefixItems"])
const single = new Set([
  "additionalItems",
  "additionalProperties",
  "contains",
  "else",
  "if",
  "items",
  "not",
  "propertyNames",
  "then",
  "unevaluatedItems",
  "unevaluatedProperties"
])

const isCount = (value: unknown): value is number => Number.isInteger(value) && Number(value) >= 0
const isText = (value: unknown): boolean => typeof value === "string"
const isNumber = (value: unknown): value is number => typeof value === "number"
const isPattern = (value: unknown): boolean => {
  if (typeof value !== "string") return false
  try {
    void new RegExp(value, "u")
    return true
  } catch {
    return false
  }
}

/** Keywords whose value must be of a kind. */
const kinds = new Map<string, (value: unknown) => boolean>(
  Object.entries({
    description: isText,
    enum: (value) => Array.isArray(value) && value.length > 0,
    exclusiveMaximum: isNumber,
    exclusiveMinimum: isNumber,
    format: isText,
    maxItems: isCount,
    maxLength: isCount,
    maxProperties: isCount,
    maximum: isNumber,
    minItems: isCount,
    minLength: isCount,
    minProperties: isCount,
    minimum: isNumber,
    pattern: isPattern,
    required: (value) => Array.isArray(value) && value.every(isText),
    title: isText
  })
)

/** Bounds that nothing is between. llama.cpp makes a grammar without an end of them. */
const bounds = [
  ["minItems", "maxItems"],
  ["minLength", "maxLength"],
  ["minProperties", "maxProperties"],
  ["minimum", "maximum"]
] as const

const withoutEmptyRanges = (schema: Json): Json => {
  const wrong = bounds.filter(([least, most]) => Number(schema[least]) > Number(schema[most])).flat()
  return Object.fromEntries(Object.entries(schema).filter(([name]) => !wrong.some((one) => one === name)))
}

/** What a reference within the schema refers to. Names with escapes are not followed: llama.cpp does not know them. */
const targetOf = (root: Json, reference: unknown): Json | undefined => {
  if (typeof reference !== "string" || !/^#\/[^~%]+$/.test(reference)) return undefined
  let found: unknown = root
  for (const name of reference.slice(2).split("/")) {
    if (typeof found !== "object" || found === null || !Object.hasOwn(found, name)) return undefined
    found = (found as Json)[name]
  }
  return Predicate.isReadonlyObject(found) ? found : undefined
}

/** The references that stand for a schema itself, not for a part of it. */
const referencesOf = (schema: Json): ReadonlyArray<unknown> => [
  ...("$ref" in schema ? [schema["$ref"]] : []),
  ...["allOf", "anyOf", "oneOf"].flatMap((name) => {
    const branches = schema[name]
    return Array.isArray(branches) ? branches.filter(Predicate.isReadonlyObject).flatMap(referencesOf) : []
  })
]

/**
 * Makes what is true for a reference to a schema that is there, and does not lead back to itself or to another one that does.
 * Each schema is visited once: a server may list thousands that refer to each other.
 */
const makeIsUsable = (root: Json) => {
  const found = new Map<unknown, "open" | "ends" | "circles">()
  const follow = (reference: unknown) => {
    const open = [reference]
    for (let one = open.at(-1); open.length > 0; one = open.at(-1)) {
      const next = referencesOf(targetOf(root, one) ?? {})
      switch (found.get(one)) {
        case undefined:
          found.set(one, "open")
          for (const each of next) if (!found.has(each)) open.push(each)
          break
        case "open":
          found.set(one, next.every((each) => found.get(each) === "ends") ? "ends" : "circles")
          open.pop()
          break
        default:
          open.pop()
      }
    }
    return found.get(reference)
  }
  return (reference: unknown): boolean =>
    targetOf(root, reference) !== undefined && (found.get(reference) ?? follow(reference)) === "ends"
}

/**
 * A schema that every server takes. llama.cpp refuses the whole request otherwise: it makes a grammar of the schema. OpenAI
 * refuses arrays without items.
 *
 * @returns undefined for what allows nothing, or is no schema
 */
const plain = (schema: unknown, isUsable: (reference: unknown) => boolean): Json | undefined => {
  // Go writes `true` for a field of any type.
  if (schema === true) return {}
  if (!Predicate.isReadonlyObject(schema)) return undefined
  const all = (schemas: ReadonlyArray<unknown>) => schemas.flatMap((one) => plain(one, isUsable) ?? [])
  const valueOf = (name: string, value: unknown): unknown => {
    if (maps.has(name)) {
      if (!Predicate.isReadonlyObject(value)) return undefined
      return Object.fromEntries(
        Object.entries(value).flatMap(([key, inner]) => {
          const kept = plain(inner, isUsable)
          return kept === undefined ? [] : [[key, kept]]
        })
      )
    }
    if (lists.has(name)) {
      const kept = Array.isArray(value) ? all(value) : []
      return kept.length === 0 ? undefined : kept
    }
    if (single.has(name)) {
      if (Array.isArray(value)) return all(value)
      return typeof value === "boolean" && /^(additional|unevaluated)/.test(name)
        ? value
        : plain(value, isUsable)
    }
    switch (name) {
      case "$ref":
        return isUsable(value) ? value : undefined
      case "type": {
        const known = [value].flat().filter((type) => typeNames.has(type))
        return known.length === 0 ? undefined : Array.isArray(value) ? known : value
      }
      default:
        return kinds.get(name)?.(value) === false ? undefined : value
    }
  }
  const entries = Object.fromEntries(
    Object.entries(schema).flatMap(([name, value]) => {
      const inner = valueOf(name, value)
      return inner === undefined ? [] : [[name, inner]]
    })
  )
  const kept = withoutEmptyRanges(entries)
  const isArray = kept["type"] === "array"
  return isArray && !("items" in kept) && !("prefixItems" in kept) ? { ...kept, items: {} } : kept
}

const madeParameters = (schema: Json): Json => {
  const branches = ["oneOf", "anyOf", "allOf"].flatMap((name) => {
    const value = schema[name]
    return Array.isArray(value) ? value.filter((branch) => Predicate.isReadonlyObject(branch)) : []
  })
  // The model has to know the names that only the alternatives have.
  const properties = Object.fromEntries(
    [...branches, schema].flatMap(({ properties }) =>
      Predicate.isReadonlyObject(properties) ? Object.entries(properties) : []
    )
  )
  const own = Object.fromEntries(Object.entries(schema).filter(([name]) => !combining.includes(name)))
  const whole = { ...own, type: "object", properties }
  const parameters = { ...plain(whole, makeIsUsable(whole)) }
  const known = parameters["properties"]
  const required = Array.isArray(own["required"])
    ? own["required"].filter((name) => typeof name === "string" && Object.hasOwn(Object(known), name))
    : undefined
  return { ...parameters, ...(required === undefined ? {} : { required }) }
}

/** The parameters of schemas that were made already: a conversation sends them with each request. */
const known = new WeakMap<Json, Json>()

/**
 * The parameters of a tool as every provider accepts them: an object at the top level, without alternatives there. What is left
 * out is still checked by the server of the tool.
 */
export const toolParameters = (schema: Json): Json => {
  const parameters = known.get(schema) ?? madeParameters(schema)
  known.set(schema, parameters)
  return parameters
}
