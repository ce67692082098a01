import type {
  CallToolResult,
  ContentBlock,
  GetPromptResult,
  Prompt,
  ReadResourceResult,
  Resource,
  Tool
} from "@modelcontextprotocol/client"
import { Option } from "effect"
import type {
  McpAnswer,
  McpContent,
  McpPrompt,
  McpResource,
  McpTool,
  McpToolResult
} from "../../ports/McpConnector.ts"

type ResourceContents = ReadResourceResult["contents"][number]

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
export const ofReadResult = (result: ReadResourceResult): McpAnswer => ({
  content: result.contents.map(ofResourceContents),
  raw: result
})

/** The messages of a prompt, with their raw form. */
export const ofPromptResult = (result: GetPromptResult): McpAnswer => ({
  content: result.messages.flatMap(({ content, role }) => {
    const piece = ofContentBlock(content)
    return piece._tag === "Text" ? text(`${role}: ${piece.text}`) : [text(`${role}:`), piece]
  }),
  raw: result
})

/** A tool result, with its raw form. */
export const ofToolResult = (result: CallToolResult): McpToolResult => ({
  content: result.content.map(ofContentBlock),
  structured: Option.fromUndefinedOr(result.structuredContent),
  isError: result.isError ?? false,
  raw: result
})

/** A tool as the server lists it. */
export const ofTool = (tool: Tool): McpTool => ({
  name: tool.name,
  title: tool.title ?? tool.annotations?.title,
  description: tool.description,
  inputSchema: tool.inputSchema
})

/** A resource as the server lists it. */
export const ofResource = (resource: Resource): McpResource => ({
  uri: resource.uri,
  name: resource.name,
  description: resource.description,
  mimeType: resource.mimeType
})

/** A prompt as the server lists it. */
export const ofPrompt = (prompt: Prompt): McpPrompt => ({
  name: prompt.name,
  description: prompt.description,
  arguments: (prompt.arguments ?? []).map((argument) => ({
    name: argument.name,
    description: argument.description,
    required: argument.required ?? false
  }))
})
