import { Effect, Option, Ref } from "effect"
import { printable } from "../../../domain/PrintableText.ts"
import { advice } from "../../../domain/Remedy.ts"
import { ChatHistory, type ChatMemory, type KeptChat, type WholeChat } from "../../../ports/ChatHistory.ts"
import type { StorageError } from "../../../ports/CredentialStore.ts"
import type { ChatSession } from "../../chat/Chat.ts"
import { newChatId, saveChat } from "../../chat/SavedChat.ts"
import type { ChatFlags } from "../ModelFlags.ts"
import { isoTime } from "../Output.ts"
import { UsageError } from "../UsageError.ts"

/** Conversations that an error lists. */
const maxListed = 10

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

/** True if the configuration and the flags want a conversation to be kept. */
export const isKept = ({ isOn }: ChatMemory, { save }: ChatFlags): boolean => isOn && save

/**
 * A conversation that is kept after each turn and each command that changes it, as far as the configuration and the flags want
 * it. `/clear` starts another one, which does not take the place of the one before.
 *
 * @param failed is told why it could not be kept: the conversation goes on
 */
export const keeping = Effect.fnUntraced(function* (
  session: ChatSession,
  flags: ChatFlags,
  kept: WholeChat | undefined,
  failed: (error: StorageError) => Effect.Effect<void>
) {
  const history = yield* ChatHistory
  if (!isKept(history, flags)) return { session, save: Effect.void }
  const id = yield* Ref.make(kept?.id ?? (yield* newChatId))
  const title = yield* Ref.make(kept?.title)
  const save = Effect.gen(function* () {
    yield* Ref.set(title, yield* saveChat(yield* Ref.get(id), session, yield* Ref.get(title)))
  }).pipe(Effect.provideService(ChatHistory, history), Effect.catch(failed))
  const changed: ChatSession = {
    ...session,
    clear: Effect.andThen(
      session.clear,
      Effect.flatMap(newChatId, (next) => Ref.set(id, next))
    ),
    undo: Effect.tap(session.undo, () => save),
    compact: Effect.tap(session.compact, () => save)
  }
  return { session: changed, save }
})
