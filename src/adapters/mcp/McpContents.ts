import { Option } from "effect"
import type {
  McpAnswer,
  McpContent,
  McpPrompt,
  McpResource,
  McpTool,
  McpToolAnnotations,
  McpToolResult
} from "../../ports/McpConnector.ts"
import { type Fields, isFields } from "./Messages.ts"
import type { ContentBlock, PromptResult, ReadResult, ResourceContents, ToolResult } from "./McpResults.ts"

const text = (content: string): McpContent => ({ _tag: "Text", text: content })

const binary = (mimeType: string | undefined, data: string): McpContent => {
  // Servers leave out the padding, or use the alphabet of URLs. Node reads both.
  const bytes = Buffer.from(data, "base64")
  return {
    _tag: "Binary",
    mimeType: mimeType ?? "application/octet-stream",
    bytes: bytes.length,
    base64: bytes.toString("base64")
  }
}

/** A piece of a resource. */
const ofResourceContents = (contents: ResourceContents): McpContent =>
  "text" in contents ? text(contents.text) : binary(contents.mimeType, contents.blob)

/** A piece of a tool result; a link to a resource becomes its URI. */
const ofContentBlock = (block: ContentBlock): McpContent => {
  switch (block.type) {
    case "text":
      return text(block.text)
    case "image":
    case "audio":
      return binary(block.mimeType, block.data)
    case "resource":
      return ofResourceContents(block.resource)
    case "resource_link":
      return text(block.uri)
  }
}

/** What a resource holds, with its raw form. */
export const ofReadResult = (result: ReadResult, raw: unknown = result): McpAnswer => ({
  content: result.contents.map(ofResourceContents),
  raw
})

/** The messages of a prompt, with their raw form. */
export const ofPromptResult = (result: PromptResult, raw: unknown = result): McpAnswer => ({
  content: result.messages.flatMap(({ content, role }) => {
    const piece = ofContentBlock(content)
    return piece._tag === "Text" ? text(`${role}: ${piece.text}`) : [text(`${role}:`), piece]
  }),
  raw
})

/** A tool result, with its raw form. */
export const ofToolResult = (result: ToolResult, raw: unknown = result): McpToolResult => ({
  content: (result.content ?? []).map(ofContentBlock),
  structured: Option.fromUndefinedOr(result.structuredContent),
  isError: result.isError ?? false,
  raw
})

const textIn = (fields: Fields, name: string): string | undefined => {
  const value = fields[name]
  return typeof value === "string" ? value : undefined
}
const fieldsIn = (fields: Fields, name: string): Fields => {
  const value = fields[name]
  return isFields(value) ? value : {}
}

const hints = ["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"] as const

const annotationsOf = (fields: Fields): McpToolAnnotations =>
  Object.fromEntries(
    hints.flatMap((hint) => (typeof fields[hint] === "boolean" ? [[hint, fields[hint]]] : []))
  )

/** A tool as the server lists it. */
export const ofTool = (tool: Fields): McpTool => {
  const { annotations, outputSchema } = tool
  return {
    name: textIn(tool, "name") ?? "",
    title: textIn(tool, "title") ?? textIn(fieldsIn(tool, "annotations"), "title"),
    description: textIn(tool, "description"),
    inputSchema: fieldsIn(tool, "inputSchema"),
    ...(isFields(outputSchema) ? { outputSchema } : {}),
    ...(isFields(annotations) ? { annotations: annotationsOf(annotations) } : {})
  }
}

/** A resource as the server lists it. */
export const ofResource = (resource: Fields): McpResource => ({
  uri: textIn(resource, "uri") ?? "",
  name: textIn(resource, "name") ?? "",
  description: textIn(resource, "description"),
  mimeType: textIn(resource, "mimeType")
})

/** A prompt as the server lists it. */
export const ofPrompt = (prompt: Fields): McpPrompt => {
  const { arguments: listed } = prompt
  return {
    name: textIn(prompt, "name") ?? "",
    description: textIn(prompt, "description"),
    arguments: (Array.isArray(listed) ? listed : []).filter(isFields).map((argument) => ({
      name: textIn(argument, "name") ?? "",
      description: textIn(argument, "description"),
      required: argument["required"] === true
    }))
  }
}
