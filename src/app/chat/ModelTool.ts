import { Predicate } from "effect"
import { safeText } from "../../domain/PrintableText.ts"
import { toolArguments } from "../../domain/ToolArgument.ts"
import type { JsonSchema } from "../../domain/ToolSchema.ts"
import type { ChatTool } from "../../ports/ChatModel.ts"
import type { ListedTool } from "./ToolList.ts"
import type { WithoutSecrets } from "./WithoutSecrets.ts"
import { maxDescription } from "./ChatLimits.ts"
import { clearStart } from "./ClearStart.ts"

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

/** The texts in a schema that only describe. Others, such as names and choices, must reach the server as it wrote them. */
const describing: ReadonlySet<string> = new Set(["description", "title", "$comment"])

/** A value in a schema whose texts are made fit for a model. */
const cleaned = (value: unknown, clean: (text: string) => string, name = ""): unknown => {
  if (typeof value === "string") return describing.has(name) ? clean(value) : value
  if (Array.isArray(value)) return value.map((one: unknown) => cleaned(one, clean))
  if (!Predicate.isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, cleaned(one, clean, key)]))
}

/**
 * A tool as a model is told about it: with its server named, without characters that a user would not see, and without
 * secrets.
 */
const modelTool = ({ name, server, tool }: ListedTool, withoutSecrets: WithoutSecrets): ChatTool => {
  const clean = (text: string) =>
    clearStart(text, maxDescription, (start) => withoutSecrets(safeText(start))).start
  return {
    name,
    description: `[${server.name}] ${clean(tool.description ?? tool.title ?? tool.name)}`,
    inputSchema: cleaned(objectSchema(tool.inputSchema), clean) as JsonSchema
  }
}

/**
 * Makes what turns tools into those that a model is told about. Each is made once, until another secret is known.
 *
 * @param filterNow returns what leaves the secrets out that are known now
 */
export const makeModelTools = (filterNow: () => WithoutSecrets) => {
  let made = new WeakMap<ListedTool, ChatTool>()
  let madeBy: WithoutSecrets | undefined
  return (tools: ReadonlyArray<ListedTool>): ReadonlyArray<ChatTool> => {
    const withoutSecrets = filterNow()
    if (withoutSecrets !== madeBy) made = new WeakMap()
    madeBy = withoutSecrets
    return tools.map((tool) => {
      const one = made.get(tool) ?? modelTool(tool, withoutSecrets)
      made.set(tool, one)
      return one
    })
  }
}
