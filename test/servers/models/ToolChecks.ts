import { isJson, type Json, must } from "./ModelFault.ts"

/** Checks a JSON Schema as the providers do: the top level is an object, and each array says what is in it. */
export const checkSchema = (schema: unknown, tool: string): Json => {
  const invalid = `Invalid schema for function '${tool}'`
  must(isJson(schema), `${invalid}: schema must be a JSON Schema of 'type: "object"', got 'type: "None"'.`)
  must(
    schema["type"] === "object",
    `${invalid}: schema must be a JSON Schema of 'type: "object"', got 'type: "${String(schema["type"])}"'.`
  )
  for (const name of ["oneOf", "anyOf", "allOf", "enum", "not"]) {
    must(
      !(name in schema),
      `${invalid}: schema must have type 'object' and not have 'oneOf'/'anyOf'/'allOf'/'enum'/'not' at the top level.`
    )
  }
  const visit = (value: unknown, at: ReadonlyArray<string>): void => {
    if (!isJson(value)) return
    must(
      value["type"] !== "array" || "items" in value || "prefixItems" in value,
      `${invalid}: In context=(${at.map((part) => `'${part}'`).join(", ")}), array schema missing items.`
    )
    if (isJson(value["properties"]))
      for (const [name, inner] of Object.entries(value["properties"]))
        visit(inner, [...at, "properties", name])
    visit(value["items"], [...at, "items"])
    for (const name of ["oneOf", "anyOf", "allOf"])
      if (Array.isArray(value[name]))
        for (const inner of value[name] as ReadonlyArray<unknown>) visit(inner, [...at, name])
  }
  visit(schema, [])
  return schema
}

/** Checks the name of a tool against the pattern of an API, and that no other tool has it. */
export const checkNames = (names: ReadonlyArray<string>, pattern: RegExp): void => {
  for (const [index, name] of names.entries()) {
    must(
      pattern.test(name),
      `Invalid 'tools[${index}].name': string does not match pattern. Expected a string that matches the pattern '${pattern.source}'.`
    )
    must(names.indexOf(name) === index, `Tool names must be unique: ${name} is given twice.`)
  }
}
