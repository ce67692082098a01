import { Effect, Schema } from "effect"
import { LongText, withStrings } from "../../domain/LongText.ts"
import { type UnusableAnswer, invalidResult } from "./ClientErrors.ts"
import { type Fields, isFields } from "./Messages.ts"

/** A string, which is in pieces if it is long. */
const Text = Schema.Union([Schema.String, Schema.instanceOf(LongText)])

const ResourceContents = Schema.Union([
  Schema.Struct({ uri: Schema.String, mimeType: Schema.optionalKey(Schema.String), text: Text }),
  Schema.Struct({ uri: Schema.String, mimeType: Schema.optionalKey(Schema.String), blob: Text })
])
/** What a resource holds, as text or in base64. */
export type ResourceContents = typeof ResourceContents.Type

const ContentBlock = Schema.Union([
  Schema.Struct({ type: Schema.Literal("text"), text: Text }),
  Schema.Struct({
    type: Schema.Literals(["image", "audio"]),
    data: Text,
    mimeType: Schema.String
  }),
  Schema.Struct({ type: Schema.Literal("resource"), resource: ResourceContents }),
  Schema.Struct({ type: Schema.Literal("resource_link"), uri: Schema.String })
])
/** A piece of a tool result or a prompt. */
export type ContentBlock = typeof ContentBlock.Type

const ToolResult = Schema.Struct({
  content: Schema.optionalKey(Schema.Array(ContentBlock)),
  structuredContent: Schema.optionalKey(Schema.Unknown),
  isError: Schema.optionalKey(Schema.Boolean)
})
/** The result of `tools/call`. */
export type ToolResult = typeof ToolResult.Type

const ReadResult = Schema.Struct({ contents: Schema.Array(ResourceContents) })
/** The result of `resources/read`. */
export type ReadResult = typeof ReadResult.Type

const PromptResult = Schema.Struct({
  messages: Schema.Array(
    Schema.Struct({ role: Schema.Literals(["user", "assistant"]), content: ContentBlock })
  )
})
/** The result of `prompts/get`. */
export type PromptResult = typeof PromptResult.Type

const CompleteResult = Schema.Struct({ completion: Schema.Struct({ values: Schema.Array(Schema.String) }) })

const schemas = {
  "tools/call": ToolResult,
  "resources/read": ReadResult,
  "prompts/get": PromptResult,
  "completion/complete": CompleteResult
}

/** A request whose result is checked. */
export type CheckedMethod = keyof typeof schemas

/** The result of such a request. */
export type CheckedResult<M extends CheckedMethod> = (typeof schemas)[M]["Type"]

const isBlock = Schema.is(ContentBlock)
const isText = Schema.is(Text)

/** A piece of a result as a text, if MCP does not define it: the rest of the result is worth as much. */
const repairedBlock = (block: unknown): unknown => {
  if (isBlock(block)) return block
  const said = isFields(block) && block["type"] === "text" ? (block["text"] ?? "") : block
  return { type: "text", text: isText(said) ? said : JSON.stringify(withStrings(said)) }
}

const listOf = (value: unknown): ReadonlyArray<unknown> =>
  value === null || value === undefined ? [] : Array.isArray(value) ? value : [value]

/**
 * Repairs a result that the server has worked for: a tool that has run must not seem to have failed. A list may be missing or
 * be its one entry, and a piece may be of a kind that a later revision defines.
 */
const repairs: Partial<Record<CheckedMethod, (result: Fields) => Fields>> = {
  "tools/call": ({ content, isError, structuredContent, ...rest }) => ({
    ...rest,
    content: listOf(content).map(repairedBlock),
    ...(structuredContent === null || structuredContent === undefined ? {} : { structuredContent }),
    isError: isError === true || isError === "true"
  }),
  "prompts/get": ({ messages, ...rest }) => ({
    ...rest,
    messages: listOf(messages).flatMap((message) =>
      isFields(message)
        ? listOf(message["content"]).map((content) => ({ ...message, content: repairedBlock(content) }))
        : [message]
    )
  })
}

/** Checks the result of a request, repaired where that is safe. Fails with the place of what is not valid. */
export const checkResult = <M extends CheckedMethod>(
  method: M,
  result: Fields
): Effect.Effect<CheckedResult<M>, UnusableAnswer> =>
  Effect.suspend(() => {
    const schema = schemas[method] as Schema.Codec<CheckedResult<M>>
    const checked = Schema.toStandardSchemaV1(schema)["~standard"].validate(
      repairs[method]?.(result) ?? result
    )
    if (checked instanceof Promise) return Effect.die("A schema of this module is asynchronous")
    if (checked.issues === undefined) return Effect.succeed(checked.value)
    return Effect.fail(invalidResult(method, (checked.issues[0]?.path ?? []).join(".")))
  })
