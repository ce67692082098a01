import { Console, Effect, Option } from "effect"
import { Argument, Command, Flag, Prompt, TerminalCapabilities } from "effect/cli"
import { SignOut } from "../SignOut.ts"
import { serverName } from "./Arguments.ts"
import { printJson } from "./Output.ts"
import { Interactive, Json } from "./Settings.ts"
import { UsageError } from "./UsageError.ts"

/** `mcp-cli auth reset NAME | --all` */
export const reset = Command.make(
  "reset",
  {
    name: serverName.pipe(Argument.optional),
    all: Flag.Boolean("all").pipe(Flag.withDescription("Forget every server"), Flag.withDefault(false)),
    yes: Flag.Boolean("yes").pipe(
      Flag.withAlias("y"),
      Flag.withDescription("Do not ask whether that is meant"),
      Flag.withDefault(false)
    )
  },
  Effect.fn("cli.auth.reset")(function* ({ all, name, yes }) {
    if (all === Option.isSome(name)) {
      return yield* new UsageError({
        problem: "Name one server, or give --all: mcp-cli auth reset NAME | --all"
      })
    }
    const signOut = yield* SignOut
    const { canPrompt } = yield* TerminalCapabilities.TerminalCapabilities
    if (all && !yes && canPrompt && (yield* Interactive)) {
      const meant = yield* Prompt.run(Prompt.Confirm({ message: "Forget the sign-ins to every server?" }))
      if (!meant) return yield* Console.error("Nothing was forgotten.")
    }
    const forgotten = Option.isSome(name)
      ? (yield* signOut.reset(name.value))
        ? [name.value]
        : []
      : (yield* signOut.resetAll).map(({ server }) => server)
    if (yield* Json) return yield* printJson({ forgotten })
    if (forgotten.length > 0) return yield* Console.error(`Forgot the sign-in to ${forgotten.join(", ")}.`)
    yield* Console.error(
      Option.match(name, {
        onNone: () => "There was nothing to forget.",
        onSome: (server) => `There was nothing to forget for ${server}.`
      })
    )
  })
).pipe(
  Command.withDescription("Forget a sign-in on this machine; needs no password and no network"),
  Command.withExamples([
    { command: "mcp-cli auth reset notion", description: "Forget one: the next use signs in again" },
    { command: "mcp-cli auth reset --all --yes", description: "Forget all, without being asked" }
  ])
)
