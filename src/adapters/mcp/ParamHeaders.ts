import { type Fields, isFields } from "./Messages.ts"

/** A parameter of a tool that a request repeats in a header (MCP 2026-07-28 "Streamable HTTP", "x-mcp-header"). */
export interface ParamHeader {
  /** The properties on the way to its value. */
  readonly path: ReadonlyArray<string>
  readonly header: string
}

const declaration = "x-mcp-header"
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const types: ReadonlyArray<unknown> = ["string", "integer", "boolean"]

/** The keywords of JSON Schema with schemas in them below which nothing may be declared: their values have no fixed place. */
const placeless =
  /^(items|prefixItems|contains|additionalProperties|unevaluatedProperties|unevaluatedItems|propertyNames|patternProperties|dependentSchemas|oneOf|anyOf|allOf|not|if|then|else|\$defs|definitions)$/

const isDeclaredBelow = (schema: unknown): boolean => {
  if (Array.isArray(schema)) return schema.some(isDeclaredBelow)
  return isFields(schema) && (declaration in schema || Object.values(schema).some(isDeclaredBelow))
}

/** The parameters that the schema of a tool declares; `undefined` if one is not declared as MCP defines it. */
export const paramHeadersOf = (inputSchema: unknown): ReadonlyArray<ParamHeader> | undefined => {
  const found: Array<ParamHeader> = []
  const isValid = (schema: Fields, path: ReadonlyArray<string>): boolean => {
    if (declaration in schema) {
      const header = schema[declaration]
      if (path.length === 0 || typeof header !== "string" || !token.test(header)) return false
      if (!types.includes(schema["type"])) return false
      if (found.some((other) => other.header.toLowerCase() === header.toLowerCase())) return false
      found.push({ path, header })
    }
    const properties = isFields(schema["properties"]) ? schema["properties"] : {}
    return (
      Object.entries(properties).every(
        ([name, below]) => !isFields(below) || isValid(below, [...path, name])
      ) &&
      !Object.entries(schema).some(([keyword, below]) => placeless.test(keyword) && isDeclaredBelow(below))
    )
  }
  return !isFields(inputSchema) || isValid(inputSchema, []) ? found : undefined
}

/** A value of a header. Text that a header cannot carry as it is, is written in base64. */
export const headerValue = (text: string): string => {
  const isPlain =
    text !== "" && text === text.trim() && /^[\t -~]*$/.test(text) && !/^=\?base64\?.*\?=$/.test(text)
  return isPlain ? text : `=?base64?${Buffer.from(text, "utf8").toString("base64")}?=`
}

/** The headers for the arguments of a call. A value of another type has none. */
export const paramHeaders = (
  declared: ReadonlyArray<ParamHeader>,
  args: Fields
): Readonly<Record<string, string>> =>
  Object.fromEntries(
    declared.flatMap(({ header, path }) => {
      const value = path.reduce<unknown>((at, name) => (isFields(at) ? at[name] : undefined), args)
      const isSent =
        typeof value === "string" ||
        typeof value === "boolean" ||
        (Number.isFinite(value) && Math.abs(Number(value)) <= Number.MAX_SAFE_INTEGER)
      return isSent ? [[`Mcp-Param-${header}`, headerValue(String(value))]] : []
    })
  )
