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
import { LongText, withStrings } from "../../domain/LongText.ts"
import { type Fields, isFields } from "./Messages.ts"
import type { ContentBlock, PromptResult, ReadResult, ResourceContents, ToolResult } from "./McpResults.ts"

const text = (content: string | LongText, intro = ""): McpContent =>
  typeof content === "string"
    ? { _tag: "Text", text: `${intro}${content}` }
    : {
        _tag: "Text",
        get text() {
          return `${intro}${content.toString()}`
        },
        *pieces() {
          yield intro
          yield* content.pieces()
        }
      }

const otherType = "application/octet-stream"

/** Decodes long base64. Like `Buffer`, it leaves out what is no letter of either alphabet, and ends at the padding. */
function* decoded(base64: LongText): Generator<Uint8Array, void> {
  let rest = ""
  for (const piece of base64.pieces()) {
    const end = piece.indexOf("=")
    const letters = rest + (end < 0 ? piece : piece.slice(0, end)).replace(/[^\w+/-]/g, "")
    const whole = end < 0 ? letters.length - (letters.length % 4) : letters.length
    rest = letters.slice(whole)
    if (whole > 0) yield Buffer.from(letters.slice(0, whole), "base64")
    if (end >= 0) return
  }
  if (rest !== "") yield Buffer.from(rest, "base64")
}

const binary = (mimeType: string = otherType, data: string | LongText): McpContent => {
  // Servers leave out the padding, or use the alphabet of URLs. Node reads both.
  if (typeof data === "string") {
    const bytes = Buffer.from(data, "base64")
    return { _tag: "Binary", mimeType, bytes: bytes.length, base64: bytes.toString("base64") }
  }
  let length = 0
  for (const part of decoded(data)) length += part.length
  return {
    _tag: "Binary",
    mimeType,
    bytes: length,
    get base64() {
      return Buffer.concat([...decoded(data)]).toString("base64")
    },
    parts: () => decoded(data)
  }
}

/** A piece of a resource. */
const ofResourceContents = (contents: ResourceContents, intro?: string): McpContent =>
  "text" in contents ? text(contents.text, intro) : binary(contents.mimeType, contents.blob)

/** A piece of a tool result; a link to a resource becomes its URI. A text begins with the intro. */
const ofContentBlock = (block: ContentBlock, intro?: string): McpContent => {
  switch (block.type) {
    case "text":
      return text(block.text, intro)
    case "image":
    case "audio":
      return binary(block.mimeType, block.data)
    case "resource":
      return ofResourceContents(block.resource, intro)
    case "resource_link":
      return text(block.uri, intro)
  }
}

/** What a resource holds, with its raw form. */
export const ofReadResult = (result: ReadResult, raw: unknown = result): McpAnswer => ({
  content: result.contents.map((contents) => ofResourceContents(contents)),
  get raw() {
    return withStrings(raw)
  },
  inPieces: raw
})

/** The messages of a prompt, with their raw form. */
export const ofPromptResult = (result: PromptResult, raw: unknown = result): McpAnswer => ({
  content: result.messages.flatMap(({ content, role }) => {
    const piece = ofContentBlock(content, `${role}: `)
    return piece._tag === "Text" ? [piece] : [text(`${role}:`), piece]
  }),
  get raw() {
    return withStrings(raw)
  },
  inPieces: raw
})

/** A tool result, with its raw form. */
export const ofToolResult = (result: ToolResult, raw: unknown = result): McpToolResult => ({
  content: (result.content ?? []).map((block) => ofContentBlock(block)),
  get structured() {
    return Option.map(Option.fromUndefinedOr(result.structuredContent), withStrings)
  },
  isError: result.isError ?? false,
  get raw() {
    return withStrings(raw)
  },
  inPieces: raw
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
