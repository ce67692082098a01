import { Predicate } from "effect"
import { safeText } from "../../domain/PrintableText.ts"
import { type JsonSchema, toolArguments } from "../../domain/ToolSchema.ts"
import type { ChatTool } from "../../ports/ChatModel.ts"
import type { ListedTool } from "./ToolList.ts"
import { maxDescription } from "./ChatLimits.ts"

/** Keywords that providers refuse at the top of a schema. */
const composing = ["allOf", "anyOf", "oneOf", "not", "enum", "const", "$ref", "if"]

/**
 * The schema of the arguments as every provider takes it: that of an object, with its properties. Alternatives at the top
 * become one list of arguments; the server still checks what it gets.
 */
const objectSchema = (schema: JsonSchema): JsonSchema => {
  const { $schema: _, ...rest } = schema
  if (!composing.some((keyword) => keyword in rest)) {
    const { properties } = rest
    return { ...rest, type: "object", properties: Predicate.isObject(properties) ? properties : {} }
  }
  const listed = toolArguments(schema)
  const required = listed.filter((argument) => argument.required).map(({ name }) => name)
  return {
    type: "object",
    properties: Object.fromEntries(listed.map((argument) => [argument.name, argument.schema])),
    ...(required.length === 0 ? {} : { required }),
    ...("$defs" in rest ? { $defs: rest["$defs"] } : {}),
    ...("definitions" in rest ? { definitions: rest["definitions"] } : {})
  }
}

/** A tool as a model is told about it: with its server named, and without characters that a user would not see. */
export const modelTool = ({ name, server, tool }: ListedTool): ChatTool => {
  const described = safeText(tool.description ?? tool.title ?? tool.name)
  return {
    name,
    description: `[${server.name}] ${described.slice(0, maxDescription).toWellFormed()}`,
    inputSchema: objectSchema(tool.inputSchema)
  }
}
