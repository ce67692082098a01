import { Clock, Effect, Option, Random } from "effect"
import { printable } from "../../../domain/PrintableText.ts"
import { advice } from "../../../domain/Remedy.ts"
import { ChatHistory, type ChatMemory, type KeptChat, type WholeChat } from "../../../ports/ChatHistory.ts"
import type { ChatSession } from "../../chat/Chat.ts"
import type { ChatFlags } from "../ModelFlags.ts"
import { isoTime } from "../Output.ts"
import { UsageError } from "../UsageError.ts"

/** Conversations that an error lists. */
const maxListed = 10

/** Characters of a question that name its conversation. */
const maxTitle = 60

const shown = ({ id, savedAt, servers, title }: KeptChat): string =>
  `${id}  ${isoTime(savedAt)}  ${servers.join(", ")}: ${printable(title)}`

/** The conversation that `--continue` or `--resume` names; undefined: a new one. */
export const keptChat = Effect.fnUntraced(function* ({ continues, resume }: ChatFlags) {
  if (!continues && Option.isNone(resume)) return undefined
  const history = yield* ChatHistory
  if (!history.isOn) {
    return yield* new UsageError({
      problem: "No conversation is kept.",
      remedies: [advice('To keep them from now on, set "history": true in the configuration.')]
    })
  }
  const all = yield* history.list
  const id = Option.getOrElse(resume, () => all[0]?.id ?? "")
  const kept = id === "" ? undefined : yield* history.open(id)
  if (kept !== undefined) return kept
  return yield* new UsageError({
    problem:
      all.length === 0
        ? "No conversation is kept yet."
        : [
            `No conversation is named ${printable(id)}. These are kept:`,
            ...all.slice(0, maxListed).map(shown)
          ].join("\n")
  })
})

const titleOf = (messages: WholeChat["messages"]): string => {
  const [first] = messages
  const text = first?._tag === "User" ? first.content.find((part) => part._tag === "Text")?.text : undefined
  return (text ?? "").trim().split("\n")[0]?.slice(0, maxTitle).toWellFormed() ?? ""
}

/** True if the configuration and the flags want a conversation to be kept. */
export const isKept = ({ isOn }: ChatMemory, { save }: ChatFlags): boolean => isOn && save

/** What keeps a conversation after each turn, as far as the configuration and the flags want it. */
export const keeping = Effect.fnUntraced(function* (
  session: ChatSession,
  flags: ChatFlags,
  kept: WholeChat | undefined
) {
  const history = yield* ChatHistory
  if (!isKept(history, flags)) return Effect.void
  const started = yield* Clock.currentTimeMillis
  const id = kept?.id ?? `${started.toString(36)}${(yield* Random.nextIntBetween(0, 36 ** 3)).toString(36)}`
  return Effect.gen(function* () {
    const messages = yield* session.messages
    if (messages.length === 0) return
    yield* history.save({
      id,
      savedAt: yield* Clock.currentTimeMillis,
      title: titleOf(messages),
      servers: session.servers.map(({ name }) => name),
      model: (yield* session.model).name,
      messages
    })
  })
})
