import { Effect, Stdio, Stream } from "effect"
import type { TextPart } from "../../../domain/chat/ChatMessage.ts"
import { advice } from "../../../domain/Remedy.ts"
import { Configuration, UnknownServer } from "../../../ports/Configuration.ts"
import { withProgress } from "../../../ports/ProgressDisplay.ts"
import type { ModelFlags } from "../ModelFlags.ts"
import { tell } from "../Output.ts"
import { Json } from "../Settings.ts"
import { AnswerIncomplete, ApprovalRequired, UsageError } from "../UsageError.ts"
import { printTurn } from "./AskEvents.ts"
import { openConversation } from "./OpenChat.ts"
import { withWayOut } from "./ContextFull.ts"
import { showTurn } from "./ShowTurn.ts"

/** What is piped into this run; empty at a terminal. */
const pipedInput = Effect.gen(function* () {
  const { stdin, stdinIsTerminal } = yield* Stdio.Stdio
  if (yield* stdinIsTerminal) return ""
  const read = stdin.pipe(
    Stream.decodeText,
    Stream.mkString,
    Effect.mapError(() => new UsageError({ problem: "The context cannot be read from stdin." }))
  )
  return yield* withProgress("Reading the context from stdin", () => read)
})

/**
 * Fails for a server that is not configured. A chat goes on without it, which its user sees; a script would get an answer
 * without what it asked about. Often it is a word of a question without quotation marks.
 */
const checkNames = Effect.fnUntraced(function* (names: ReadonlyArray<string>) {
  for (const name of names) {
    const found = yield* Effect.result(Configuration.use((configuration) => configuration.server(name)))
    if (found._tag === "Success" || !(found.failure instanceof UnknownServer)) continue
    if (names.length === 1) return yield* found.failure
    return yield* new UsageError({
      problem: found.failure.message,
      remedies: [
        advice("If it is a word of your question, put the question in quotation marks."),
        ...found.failure.remedies
      ]
    })
  }
})

/** What a user does whose question is too long for the model. */
const askWithLess = advice("Ask with less context, with fewer servers, or with a model that reads more.")

/** Asks a model once. Only its answer goes to stdout. */
export const askOnce = Effect.fnUntraced(function* (
  names: readonly [string, ...ReadonlyArray<string>],
  question: string,
  flags: ModelFlags
) {
  const json = yield* Json
  const { stdoutIsTerminal } = yield* Stdio.Stdio
  yield* checkNames(names)
  const input = yield* pipedInput
  const { notice, session } = yield* openConversation(names, flags)
  if (!json) yield* tell(notice)
  // In one text: some servers put the parts of a message together without a space.
  const text = input.trim() === "" ? question : `${input.trimEnd()}\n\n${question}`
  const message: ReadonlyArray<TextPart> = [{ _tag: "Text", text }]
  const { limit, unapproved } = yield* (
    json
      ? printTurn(session, message, (yield* session.model).name)
      : showTurn(session, message, !(yield* stdoutIsTerminal), false)
  ).pipe(Effect.catchTag("ChatModelError", (error) => Effect.fail(withWayOut(error, askWithLess))))
  if (unapproved.length > 0) {
    if (limit !== undefined && !json) yield* tell(limit.text)
    return yield* new ApprovalRequired({ tools: unapproved })
  }
  if (limit !== undefined) return yield* new AnswerIncomplete({ limit: limit.limit, text: limit.text })
}, Effect.scoped)
