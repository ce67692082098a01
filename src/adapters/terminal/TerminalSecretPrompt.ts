import { Writable } from "node:stream"
import { Effect, Layer, Option, Redacted } from "effect"
import { SecretPrompt } from "../../ports/SecretPrompt.ts"
import { hangingIndent } from "./HangingIndent.ts"
import { isAttended, lineInterface, say } from "./Terminal.ts"

/** Discards the echo of the line editor. */
const nowhere = () => new Writable({ write: (_chunk, _encoding, done) => done() })

/** Asks on the terminal, without echo. */
export const layer = (options: { readonly interactive: boolean }): Layer.Layer<SecretPrompt> =>
  Layer.succeed(
    SecretPrompt,
    SecretPrompt.of({
      ask: Effect.fn("TerminalSecretPrompt.ask")(function* (question) {
        if (!options.interactive || !isAttended()) return Option.none()
        // First, so that the terminal echoes nothing of what is typed as soon as the question is there.
        const lines = yield* lineInterface({ output: nowhere(), terminal: true, historySize: 0 })
        yield* say(hangingIndent(`${question}: `))
        const typed = yield* Effect.callback<Option.Option<string>>((resume) => {
          lines.once("line", (line) => resume(Effect.succeedSome(line)))
          lines.once("close", () => resume(Effect.succeedNone))
        })
        yield* say("\n")
        return Option.map(typed, (text) => Redacted.make(text))
      }, Effect.scoped)
    })
  )
