import { Predicate } from "effect"

type Json = Readonly<Record<string, unknown>>

/** Keywords that the providers refuse at the top level of the parameters of a tool. */
const combining = ["oneOf", "anyOf", "allOf", "not", "enum", "$schema"]

/** Arrays say what is in them: OpenAI refuses one without. */
const withItems = (schema: unknown): unknown => {
  if (Array.isArray(schema)) return schema.map(withItems)
  if (!Predicate.isReadonlyObject(schema)) return schema
  const inner = Object.fromEntries(
    Object.entries(schema).map(([name, value]) => [name, isLiteral(name) ? value : withItems(value)])
  )
  const isArray = inner["type"] === "array"
  return isArray && !("items" in inner) && !("prefixItems" in inner) ? { ...inner, items: {} } : inner
}

/** Keywords whose values are data, not schemas. */
const isLiteral = (name: string): boolean =>
  ["const", "default", "enum", "examples", "required"].includes(name)

/**
 * The parameters of a tool as every provider accepts them: an object at the top level, without alternatives there, and with
 * the items of arrays. What is left out is still checked by the server of the tool.
 */
export const toolParameters = (schema: Json): Json => {
  const branches = ["oneOf", "anyOf", "allOf"].flatMap((name) => {
    const value = schema[name]
    return Array.isArray(value) ? value.filter((branch) => Predicate.isReadonlyObject(branch)) : []
  })
  // The model has to know the names that only the alternatives have.
  const properties = Object.assign(
    {},
    ...[...branches, schema].map(({ properties }) =>
      Predicate.isReadonlyObject(properties) ? properties : {}
    )
  ) as Json
  const own = Object.fromEntries(Object.entries(schema).filter(([name]) => !combining.includes(name)))
  const required = Array.isArray(own["required"])
    ? own["required"].filter((name) => typeof name === "string" && Object.hasOwn(properties, name))
    : undefined
  return withItems({
    ...own,
    type: "object",
    properties,
    ...(required === undefined ? {} : { required })
  }) as Json
}
