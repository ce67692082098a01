import { Effect, Layer, Option } from "effect"
import { Confirmation } from "../../ports/Confirmation.ts"
import { hangingIndent } from "./HangingIndent.ts"
import { isAttended, lineInterface, say } from "./Terminal.ts"

/** Asks on the terminal. Anything but `y` or `yes`, or the end of the input, is a no. */
export const layer = (options: { readonly interactive: boolean }): Layer.Layer<Confirmation> =>
  Layer.succeed(
    Confirmation,
    Confirmation.of({
      ask: Effect.fn("TerminalConfirmation.ask")(function* (text, question) {
        if (!options.interactive || !isAttended()) return Option.none()
        // A configuration may not be trusted: none of it looks like a line of ours.
        yield* say(`${hangingIndent(text)}\n`)
        const lines = yield* lineInterface({ terminal: true, historySize: 0 })
        const typed = yield* Effect.callback<string>((resume) => {
          lines.once("line", (line) => resume(Effect.succeed(line)))
          lines.once("close", () => resume(Effect.succeed("")))
          lines.setPrompt(`${question} [y/N] `)
          lines.prompt()
        })
        return Option.some(/^\s*y(es)?\s*$/i.test(typed))
      }, Effect.scoped)
    })
  )
