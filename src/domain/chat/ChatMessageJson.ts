import { Schema } from "effect"

const ProviderData = Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown))

const Sources = Schema.optionalKey(Schema.Array(Schema.String))

const Text = Schema.TaggedStruct("Text", {
  text: Schema.String,
  sources: Sources,
  providerData: ProviderData
})
const Media = Schema.TaggedStruct("Media", {
  mimeType: Schema.String,
  base64: Schema.String,
  sources: Sources
})
const Reasoning = Schema.TaggedStruct("Reasoning", { text: Schema.String, providerData: ProviderData })
const ToolCall = Schema.TaggedStruct("ToolCall", {
  id: Schema.String,
  name: Schema.String,
  arguments: Schema.String,
  providerData: ProviderData
})

const ToolResult = Schema.Struct({
  id: Schema.String,
  name: Schema.String,
  isError: Schema.Boolean,
  content: Schema.Array(Schema.Union([Text, Media]))
})

/** A message of a conversation as JSON. */
export const ChatMessageJson = Schema.Union([
  Schema.TaggedStruct("User", { content: Schema.Array(Schema.Union([Text, Media])) }),
  Schema.TaggedStruct("Assistant", {
    content: Schema.Array(Schema.Union([Text, Reasoning, ToolCall])),
    model: Schema.optionalKey(Schema.String)
  }),
  Schema.TaggedStruct("Tool", { results: Schema.Array(ToolResult) })
])
