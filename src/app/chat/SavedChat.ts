import { Clock, Effect, Random } from "effect"
import { printable } from "../../domain/PrintableText.ts"
import type { ChatMessage, MediaPart, TextPart } from "../../domain/chat/ChatMessage.ts"
import { ChatHistory } from "../../ports/ChatHistory.ts"
import type { ChatSession } from "./Chat.ts"
import { maxTitle } from "./ChatLimits.ts"
import { asksForSummary } from "./Compaction.ts"

/** A conversation with pictures would take megabytes. */
const withoutMedia = (part: TextPart | MediaPart): TextPart =>
  part._tag === "Text"
    ? part
    : {
        _tag: "Text",
        text: `[${part.mimeType}, which was not kept]`,
        ...(part.sources === undefined ? {} : { sources: part.sources })
      }

const kept = (message: ChatMessage): ChatMessage => {
  if (message._tag === "Assistant") return message
  if (message._tag === "User") return { ...message, content: message.content.map(withoutMedia) }
  return {
    ...message,
    results: message.results.map((result) => ({ ...result, content: result.content.map(withoutMedia) }))
  }
}

/** The first line of what the user said first. Undefined: a summary is in its place. */
const titleOf = ([first]: ReadonlyArray<ChatMessage>): string | undefined => {
  if (first === undefined || asksForSummary(first)) return undefined
  const text = first._tag === "User" ? first.content.find((part) => part._tag === "Text")?.text : undefined
  const [line = ""] = (text ?? "").trim().split("\n")
  return printable(line).slice(0, maxTitle).toWellFormed()
}

/** An id for a new conversation, in letters and digits: the time, and what tells apart two of the same millisecond. */
export const newChatId: Effect.Effect<string> = Effect.zipWith(
  Clock.currentTimeMillis,
  Random.nextIntBetween(0, 36 ** 3),
  (now, random) => now.toString(36) + random.toString(36)
)

/**
 * Keeps a conversation as it is now, under its id, if the user keeps conversations. One that is empty, such as after its only
 * message was undone, is kept no longer.
 *
 * @param known its title, for the case that a summary is in the place of its first message
 * @returns its title
 */
export const saveChat = Effect.fn("saveChat")(function* (id: string, session: ChatSession, known?: string) {
  const history = yield* ChatHistory
  const messages = yield* session.messages
  const title = titleOf(messages) ?? known ?? ""
  if (!history.isOn) return title
  if (messages.length === 0) {
    yield* history.remove(id)
    return title
  }
  yield* history.save({
    id,
    savedAt: yield* Clock.currentTimeMillis,
    title,
    servers: session.servers.map(({ name }) => name),
    model: (yield* session.model).name,
    messages: messages.map(kept)
  })
  return title
})
