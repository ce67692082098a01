import type { ChatMessage, MediaPart, TextPart } from "../../../domain/chat/ChatMessage.ts"
import { safeText } from "../../../domain/PrintableText.ts"

/** A block that no text in it can end. */
const fenced = (text: string): string => {
  let longest = 2
  for (const [run] of text.matchAll(/`+/g)) longest = Math.max(longest, run.length)
  const fence = "`".repeat(longest + 1)
  return `${fence}\n${text}\n${fence}`
}

const contentText = (content: ReadonlyArray<TextPart | MediaPart>): string =>
  content.map((part) => (part._tag === "Text" ? part.text : `[${part.mimeType}]`)).join("\n\n")

const sectionsOf = (message: ChatMessage, model: string): ReadonlyArray<string> => {
  switch (message._tag) {
    case "User":
      return ["## You", contentText(message.content)]
    case "Assistant":
      return [
        `## ${message.model ?? model}`,
        ...message.content.flatMap((part) => {
          if (part._tag === "Text") return [part.text]
          return part._tag === "ToolCall" ? [`Call of \`${part.name}\`:`, fenced(part.arguments)] : []
        })
      ]
    case "Tool":
      return message.results.flatMap(({ content, isError, name }) => [
        `Result of \`${name}\`${isError ? " (it failed)" : ""}:`,
        fenced(contentText(content))
      ])
  }
}

/**
 * A conversation as Markdown. What models and tools wrote cannot control a terminal that shows the file.
 *
 * @param model heads the answers that do not say which model gave them
 */
export const transcript = (messages: ReadonlyArray<ChatMessage>, model: string): string =>
  safeText(
    `${["# Conversation", ...messages.flatMap((message) => sectionsOf(message, model))].join("\n\n")}\n`
  )
