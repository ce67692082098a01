import type { ChatMessage } from "../../domain/chat/ChatMessage.ts"

const idsOf = (message: ChatMessage): ReadonlyArray<string> =>
  message._tag === "Assistant"
    ? message.content.flatMap((part) => (part._tag === "ToolCall" ? [part.id] : []))
    : []

/**
 * A conversation whose calls have ids that its model takes: its own as it wrote them, and new ones in place of those of other
 * models. Mistral takes nine letters and digits only, Anthropic no colon, as Kimi writes, and OpenAI at most 40 characters. The
 * same conversation has the same ids in each request, so that a cache knows it again.
 */
export const withCallIds = (
  messages: ReadonlyArray<ChatMessage>,
  model: string
): ReadonlyArray<ChatMessage> => {
  const isOwn = (message: ChatMessage) => message._tag === "Assistant" && message.model === model
  const foreign = messages.filter((message) => !isOwn(message)).flatMap(idsOf)
  if (foreign.length === 0) return messages
  const taken = new Set(messages.filter(isOwn).flatMap(idsOf))
  const ids = new Map<string, string>()
  let count = 0
  for (const id of foreign) {
    let fresh: string
    do fresh = `call${String(++count).padStart(5, "0")}`
    while (taken.has(fresh))
    ids.set(id, fresh)
  }
  const idFor = (id: string) => ids.get(id) ?? id
  return messages.map((message): ChatMessage => {
    switch (message._tag) {
      case "User":
        return message
      case "Assistant":
        return isOwn(message)
          ? message
          : {
              ...message,
              content: message.content.map((part) =>
                part._tag === "ToolCall" ? { ...part, id: idFor(part.id) } : part
              )
            }
      case "Tool":
        return {
          ...message,
          results: message.results.map((result) => ({ ...result, id: idFor(result.id) }))
        }
    }
  })
}
