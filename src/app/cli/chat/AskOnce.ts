import { Effect, Stdio, Stream } from "effect"
import type { TextPart } from "../../../domain/chat/ChatMessage.ts"
import type { ModelFlags } from "../ModelFlags.ts"
import { tell } from "../Output.ts"
import { Json } from "../Settings.ts"
import { ApprovalRequired, UsageError } from "../UsageError.ts"
import { printTurn } from "./AskEvents.ts"
import { openConversation } from "./OpenChat.ts"
import { showTurn } from "./ShowTurn.ts"

/** What is piped into this run; empty at a terminal. */
const pipedInput = Effect.gen(function* () {
  const { stdin, stdinIsTerminal } = yield* Stdio.Stdio
  if (yield* stdinIsTerminal) return ""
  return yield* stdin.pipe(
    Stream.decodeText,
    Stream.mkString,
    Effect.mapError(() => new UsageError({ problem: "The context cannot be read from stdin." }))
  )
})

/** Asks a model once. Only its answer goes to stdout. */
export const askOnce = Effect.fnUntraced(function* (
  names: readonly [string, ...ReadonlyArray<string>],
  question: string,
  flags: ModelFlags
) {
  const json = yield* Json
  const { stdoutIsTerminal } = yield* Stdio.Stdio
  const input = yield* pipedInput
  const { notice, session } = yield* openConversation(names, flags)
  if (!json) yield* tell(notice)
  // In one text: some servers put the parts of a message together without a space.
  const text = input.trim() === "" ? question : `${input.trimEnd()}\n\n${question}`
  const message: ReadonlyArray<TextPart> = [{ _tag: "Text", text }]
  const { unapproved } = json
    ? yield* printTurn(session, message, (yield* session.model).name)
    : yield* showTurn(session, message, !(yield* stdoutIsTerminal))
  if (unapproved.length > 0) return yield* new ApprovalRequired({ tools: unapproved })
}, Effect.scoped)
