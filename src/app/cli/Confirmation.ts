import { Effect } from "effect"
import { Prompt, TerminalCapabilities } from "effect/cli"
import type { CredentialKey } from "../../domain/CredentialKey.ts"
import { Display } from "../../ports/Display.ts"
import { nameOf } from "./Arguments.ts"
import { tell } from "./Output.ts"
import { Interactive } from "./Settings.ts"
import { UsageError } from "./UsageError.ts"

/** Sign-ins that are listed in a question. */
const maxListed = 20

/** The names of sign-ins, for a list: the first of them, and how many more there are. */
export const namesOf = (keys: ReadonlyArray<CredentialKey>): ReadonlyArray<string> => {
  const names = keys.slice(0, maxListed).map(nameOf)
  return keys.length > maxListed ? [...names, `and ${keys.length - maxListed} more`] : names
}

/** Fails if this run cannot ask. The command has a flag that answers. */
export const requireAnswer = Effect.fnUntraced(function* (what: string) {
  const { canPrompt } = yield* TerminalCapabilities.TerminalCapabilities
  if (canPrompt && (yield* Interactive)) return
  return yield* new UsageError({
    problem: `${what}, and this run cannot ask for confirmation. Add --yes to confirm.`
  })
})

/** Bold, dim and green: the bright colours of the library cannot be read on every screen. */
const theme = { primaryColor: "\u001b[1m", mutedColor: "\u001b[2m", successColor: "\u001b[32m" }

/** Asks a question that one key answers. Enter is a no. */
export const confirm = Effect.fnUntraced(function* (message: string) {
  const { canColor } = yield* Display
  return yield* Prompt.run(Prompt.Confirm({ message, theme: { ...theme, colors: canColor } })).pipe(
    // The prompt of the shell gets a line of its own.
    Effect.tapErrorTag("QuitError", () => tell(""))
  )
})
