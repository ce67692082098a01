import { Predicate } from "effect"
import * as Base64 from "effect/encoding/Base64"

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

const isFields = (value: unknown): value is Readonly<Record<string, unknown>> =>
  Predicate.isObject(value) && !Array.isArray(value)

/** Most levels of a schema that is read. Deeper ones count as invalid. */
const maxDepth = 100

const isDeclaredBelow = (schema: unknown, depth = 0): boolean => {
  if (depth > maxDepth) return true
  const isDeclared = (below: unknown) => isDeclaredBelow(below, depth + 1)
  if (Array.isArray(schema)) return schema.some(isDeclared)
  return isFields(schema) && (declaration in schema || Object.values(schema).some(isDeclared))
}

/** The parameters that the schema of a tool declares; `undefined` if one is not declared as MCP defines it. */
export const paramHeadersOf = (inputSchema: unknown): ReadonlyArray<ParamHeader> | undefined => {
  const found: Array<ParamHeader> = []
  const isValid = (schema: Readonly<Record<string, unknown>>, path: ReadonlyArray<string>): boolean => {
    if (path.length > maxDepth) return false
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
  return isPlain ? text : `=?base64?${Base64.encode(text)}?=`
}

/**
 * The header for an argument. One that is no text, no boolean and no exact number has none.
 *
 * @param json the argument as JSON: an integer keeps all of its digits
 */
export const paramHeader = ({ header }: ParamHeader, json: string): Readonly<Record<string, string>> => {
  const name = `mcp-param-${header.toLowerCase()}`
  if (/^-?\d+$/.test(json)) return { [name]: json }
  const value: unknown = JSON.parse(json)
  const isSent = typeof value === "string" || typeof value === "boolean" || Number.isFinite(value)
  return isSent ? { [name]: headerValue(String(value)) } : {}
}
