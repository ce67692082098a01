import { printable } from "../../domain/PrintableText.ts"
import { type Fields, isFields } from "./Messages.ts"
import { paramHeadersOf } from "../../domain/ParamHeaders.ts"

/** A kind of list: what an entry is called, and which of its fields must and may be there. */
export interface ListKind {
  readonly key: "tools" | "resources" | "prompts"
  readonly noun: string
  /** The place of what is not valid in the fields that an entry cannot do without; `undefined` if all are. */
  readonly fault: (entry: Fields) => string | undefined
  /** The other fields that are read. One that is not valid is left out. */
  readonly optional: Readonly<Record<string, (value: unknown) => boolean>>
}

const isText = (value: unknown): value is string => typeof value === "string"
const isAbsentOr = (is: (value: unknown) => boolean) => (value: unknown) => value === undefined || is(value)
const isListOf = (is: (value: unknown) => boolean) => (value: unknown) =>
  Array.isArray(value) && value.every(is)

const withoutText =
  (...names: ReadonlyArray<string>) =>
  (entry: Fields): string | undefined =>
    names.find((name) => !isText(entry[name]))

const schemaFault = (schema: unknown): string | undefined => {
  if (!isFields(schema)) return ""
  if (schema["type"] !== "object") return ".type"
  if (!isAbsentOr(isFields)(schema["properties"])) return ".properties"
  return isAbsentOr(isListOf(isText))(schema["required"]) ? undefined : ".required"
}

const isPromptArgument = (value: unknown): boolean =>
  isFields(value) &&
  isText(value["name"]) &&
  isAbsentOr(isText)(value["description"]) &&
  isAbsentOr((required) => typeof required === "boolean")(value["required"])

/** The kinds of lists (MCP "Tools", "Resources", "Prompts"). */
export const listKinds = {
  tools: {
    key: "tools",
    noun: "tool",
    fault: (entry) => {
      const place = schemaFault(entry["inputSchema"])
      return withoutText("name")(entry) ?? (place === undefined ? undefined : `inputSchema${place}`)
    },
    optional: {
      title: isText,
      description: isText,
      annotations: (value) => isFields(value) && isAbsentOr(isText)(value["title"])
    }
  },
  resources: {
    key: "resources",
    noun: "resource",
    fault: withoutText("name", "uri"),
    optional: { description: isText, mimeType: isText }
  },
  prompts: {
    key: "prompts",
    noun: "prompt",
    fault: withoutText("name"),
    optional: { description: isText, arguments: isListOf(isPromptArgument) }
  }
} satisfies Readonly<Record<string, ListKind>>

/** The fields that have a value: many servers write null for a field that they leave out. */
const withoutNulls = (fields: Fields): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null))

/** A schema without nulls, and with its type where it has none, or allows null as well: arguments are always an object. */
const repairedSchema = (schema: Fields): Fields => {
  const { type, ...fields } = withoutNulls(schema)
  const isObject = type === undefined || (Array.isArray(type) && type.includes("object"))
  return { ...fields, type: isObject ? "object" : type }
}

/** What a user knows an entry by; empty if it has no name. */
export const nameOfEntry = (entry: unknown): string => {
  const { name, uri } = isFields(entry) ? entry : {}
  return isText(uri) ? uri : isText(name) ? name : ""
}

/**
 * Repairs an entry of a list: a whole list must not be lost for one fault. Returns the entry without optional fields that are
 * not valid, or the reason why it is left out, as a sentence without the server.
 *
 * @param mirrorsParameters true if the server reads parameters from headers, so that a tool with a wrong declaration of one
 *   must be left out (MCP 2026-07-28 "Streamable HTTP")
 */
export const repairEntry = (kind: ListKind, entry: unknown, mirrorsParameters: boolean): Fields | string => {
  const name = printable(nameOfEntry(entry))
  const leftOut = (why: string) =>
    `${name === "" ? `a ${kind.noun} without a name` : `the ${kind.noun} "${name}"`} is left out, because ${why} is not as MCP defines it`
  if (!isFields(entry)) return leftOut("it")
  const fields: Record<string, unknown> = { ...withoutNulls(entry) }
  if (isFields(fields["inputSchema"])) fields["inputSchema"] = repairedSchema(fields["inputSchema"])
  const place = kind.fault(fields)
  if (place !== undefined) return leftOut(`its "${place}"`)
  if (mirrorsParameters && paramHeadersOf(fields["inputSchema"]) === undefined)
    return leftOut('an "x-mcp-header" in its schema')
  for (const [field, isValid] of Object.entries(kind.optional)) {
    if (!isAbsentOr(isValid)(fields[field])) delete fields[field]
  }
  return fields
}
