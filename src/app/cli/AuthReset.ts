import { Console, Effect, Option } from "effect"
import { Argument, Command, Flag, Prompt, TerminalCapabilities } from "effect/cli"
import type { CredentialKey } from "../../domain/CredentialKey.ts"
import { accountCommand } from "../../domain/SignInError.ts"
import { Configuration } from "../../ports/Configuration.ts"
import { CredentialStore } from "../../ports/CredentialStore.ts"
import { SignOut } from "../signin/SignOut.ts"
import { accountAt, nameOf, serverName } from "./Arguments.ts"
import { printJson } from "./Output.ts"
import { Account, Interactive, Json } from "./Settings.ts"
import { UsageError } from "./UsageError.ts"

const json = (forgotten: ReadonlyArray<CredentialKey>) => ({
  forgotten: forgotten.map(({ server }) => server),
  accounts: forgotten.map(({ account, server }) => ({ server, account }))
})

/** A name that was mistyped must not be taken for one that is forgotten now. */
const refuseUnknown = Effect.fnUntraced(function* (server: string) {
  const kept = yield* CredentialStore.use((store) => store.list)
  if (kept.some((key) => key.server === server)) return
  // It can be mistyped only where the names are known.
  const listed = yield* Configuration.use((configuration) => configuration.servers).pipe(Effect.option)
  if (Option.isNone(listed) || listed.value.some(({ name }) => name === server)) return
  const names = listed.value.map(({ name }) => name).join(", ")
  return yield* new UsageError({
    problem: `Nothing is configured or kept for "${server}". Configured: ${names || "none"}.`
  })
})

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
    if (all && Option.isSome(yield* Account)) {
      return yield* new UsageError({
        problem: "--all forgets every account: leave out --account, or name a server instead of --all"
      })
    }
    const signOut = yield* SignOut
    const { canPrompt } = yield* TerminalCapabilities.TerminalCapabilities
    if (all && !yes) {
      if (!canPrompt || !(yield* Interactive)) {
        return yield* new UsageError({
          problem:
            "--all forgets every sign-in, and nobody can be asked here whether that is meant: add --yes"
        })
      }
      const meant = yield* Prompt.run(Prompt.Confirm({ message: "Forget the sign-ins to every server?" }))
      if (!meant) return yield* Console.error("Nothing was forgotten.")
    }
    if (Option.isNone(name)) {
      const forgotten = yield* signOut.resetAll
      if (yield* Json) return yield* printJson(json(forgotten))
      return yield* Console.error(
        forgotten.length === 0
          ? "There was nothing to forget."
          : `Forgot the sign-in to ${forgotten.map(nameOf).join(", ")}.`
      )
    }
    const key = yield* accountAt(name.value)
    const forgotten = yield* signOut.reset(key.server, key.account)
    if (!forgotten) yield* refuseUnknown(key.server)
    if (yield* Json) return yield* printJson(json(forgotten ? [key] : []))
    yield* Console.error(
      forgotten ? `Forgot the sign-in to ${nameOf(key)}.` : `There was nothing to forget for ${nameOf(key)}.`
    )
    if (Option.isSome(yield* Account)) return
    const listed = yield* CredentialStore.use((store) => store.list)
    const others = listed.filter(({ account, server }) => server === key.server && account !== key.account)
    const [other] = others
    if (other === undefined) return
    yield* Console.error(
      `Still kept: ${others.map(nameOf).join(", ")}. Run ${accountCommand("auth reset", other.server, other.account)} to forget ${others.length === 1 ? "it" : "one of them"}.`
    )
  })
).pipe(
  Command.withDescription("Forget a sign-in on this machine; needs no password and no network"),
  Command.withExamples([
    { command: "mcp-cli auth reset notion", description: "Forget one: the next use signs in again" },
    { command: "mcp-cli auth reset notion --account work", description: "Forget one account of several" },
    { command: "mcp-cli auth reset --all --yes", description: "Forget all, without being asked" }
  ])
)
