import { Option } from "effect"
import { argumentProblems, type JsonSchema } from "../../domain/ToolSchema.ts"
import type { MediaPart, TextPart } from "../../domain/chat/ChatMessage.ts"
import type { McpBinary, McpTool, McpToolResult } from "../../ports/McpConnector.ts"
import { maxPicture, maxResult } from "./ChatLimits.ts"
import { clearStart } from "./ClearStart.ts"
import type { WithoutSecrets } from "./WithoutSecrets.ts"

/** The pictures that all models with eyes can see. */
const pictures: ReadonlySet<string> = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"])

const grouped = (number: number): string => number.toLocaleString("en-US")

/** A text with at most {@link maxResult} characters, without secrets, and a note of how many are left out. */
export const cut = (
  text: string,
  withoutSecrets: WithoutSecrets = (same) => same
): { readonly text: string; readonly cutCharacters: number } => {
  const { cutCharacters, start } = clearStart(text, maxResult, withoutSecrets)
  if (cutCharacters === 0) return { text: start, cutCharacters }
  return {
    text: `${start}\n[The result is cut: ${grouped(cutCharacters)} of ${grouped(text.length)} characters are left out.]`,
    cutCharacters
  }
}

const isPicture = ({ bytes, mimeType }: McpBinary): boolean =>
  pictures.has(mimeType.toLowerCase()) && bytes <= maxPicture

const sentenceOf = ({ bytes, mimeType }: McpBinary): string =>
  `[The tool returned ${mimeType} of ${grouped(bytes)} bytes, which you cannot read.]`

/** A sentence for a model that cannot see a picture. */
export const withoutSight = ({ mimeType }: MediaPart): TextPart => ({
  _tag: "Text",
  text: `[There is ${mimeType} here, which you cannot see.]`
})

const structuredProblem = (
  schema: JsonSchema | undefined,
  structured: Option.Option<unknown>
): ReadonlyArray<string> => {
  if (schema === undefined || Option.isNone(structured)) return []
  const { value } = structured
  // `argumentProblems` compares a value of any type with a schema.
  const problems = argumentProblems(schema, value as JsonSchema)
  return problems.length === 0
    ? []
    : ["[The structured result does not match the output schema that the tool declares.]"]
}

/**
 * A result of a tool for a model: its text, cut and without secrets, and the pictures that a model may see.
 */
export const toolResultText = (
  tool: McpTool,
  { content, structured }: McpToolResult,
  withoutSecrets: WithoutSecrets
): {
  readonly content: ReadonlyArray<TextPart | MediaPart>
  readonly text: string
  readonly cutCharacters: number
} => {
  const texts = content.flatMap((piece) => {
    if (piece._tag === "Text") return [piece.text]
    return isPicture(piece) ? [] : [sentenceOf(piece)]
  })
  const media = content.flatMap((piece): ReadonlyArray<MediaPart> =>
    piece._tag === "Binary" && isPicture(piece)
      ? [{ _tag: "Media", mimeType: piece.mimeType.toLowerCase(), base64: piece.base64 }]
      : []
  )
  const hasText = texts.some((text) => text.trim() !== "")
  const all = [
    ...texts,
    // Servers that return structured content repeat it as text, for clients that do not know it.
    ...(hasText ? [] : Option.toArray(structured).map((value) => JSON.stringify(value))),
    ...structuredProblem(tool.outputSchema, structured)
  ]
  const { cutCharacters, text } = cut(all.join("\n"), withoutSecrets)
  const shown = text.trim() === "" ? (media.length === 0 ? "(no content)" : "") : text
  return {
    content: [...(shown === "" ? [] : [{ _tag: "Text" as const, text: shown }]), ...media],
    text: shown === "" ? media.map(({ mimeType }) => `[${mimeType}]`).join(" ") : shown,
    cutCharacters
  }
}
