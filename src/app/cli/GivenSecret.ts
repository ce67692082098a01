import { Effect, Option, Redacted, Stdio, Stream } from "effect"
import { advice } from "../../domain/Remedy.ts"
import { SecretPrompt } from "../../ports/SecretPrompt.ts"
import { UsageError } from "./UsageError.ts"

/**
 * A secret that the user types, without showing it, or pipes into this run. It is never an argument: other users can read
 * those.
 *
 * @param what it is, for errors: `key`
 */
export const givenSecret = Effect.fnUntraced(function* (question: string, what: string) {
  const { stdin, stdinIsTerminal } = yield* Stdio.Stdio
  if (!(yield* stdinIsTerminal)) {
    const text = yield* stdin.pipe(
      Stream.decodeText,
      Stream.mkString,
      Effect.mapError(() => new UsageError({ problem: `The ${what} cannot be read from stdin.` }))
    )
    return Redacted.make(text)
  }
  const typed = yield* SecretPrompt.use((prompt) => prompt.ask(question))
  if (Option.isSome(typed)) return typed.value
  return yield* new UsageError({
    problem: `The ${what} cannot be asked for in a non-interactive run.`,
    remedies: [advice("Pipe it into the command.")]
  })
})
