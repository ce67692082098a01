import { Effect, Option } from "effect"
import { Argument, Command, Flag, Prompt, TerminalCapabilities } from "effect/cli"
import type { CredentialKey } from "../../domain/CredentialKey.ts"
import { command } from "../../domain/Remedy.ts"
import { CredentialStore } from "../../ports/CredentialStore.ts"
import { SignOut } from "../signin/SignOut.ts"
import { accountAt, nameOf, serverName } from "./Arguments.ts"
import { addressFlag, showOthers, signInNamed } from "./NamedSignIn.ts"
import { printJson, tell } from "./Output.ts"
import { remedyText } from "./RemedyText.ts"
import { Account, configFileOfRun, Interactive, Json } from "./Settings.ts"
import { UsageError } from "./UsageError.ts"

const json = (forgotten: ReadonlyArray<CredentialKey>) => ({
  forgotten: forgotten.map(({ server }) => server),
  accounts: forgotten.map(({ account, server }) => ({ server, account }))
})

/** `mcp-cli auth reset NAME | --all` */
export const reset = Command.make(
  "reset",
  {
    name: serverName.pipe(Argument.optional),
    url: addressFlag,
    all: Flag.Boolean("all").pipe(Flag.withDescription("Forget every server"), Flag.withDefault(false)),
    yes: Flag.Boolean("yes").pipe(
      Flag.withAlias("y"),
      Flag.withDescription("Do not ask for confirmation"),
      Flag.withDefault(false)
    )
  },
  Effect.fn("cli.auth.reset")(function* ({ all, name, url, yes }) {
    if (all === Option.isSome(name)) {
      return yield* new UsageError({
        problem: "Name one server, or add --all: mcp-cli auth reset NAME | --all"
      })
    }
    if (all && Option.isSome(yield* Account)) {
      return yield* new UsageError({
        problem: "--all forgets every account. Leave out --account, or name a server instead of --all."
      })
    }
    if (all && Option.isSome(url)) {
      return yield* new UsageError({ problem: "--all forgets every sign-in. Leave out --url." })
    }
    const signOut = yield* SignOut
    const { canPrompt } = yield* TerminalCapabilities.TerminalCapabilities
    if (all && !yes) {
      if (!canPrompt || !(yield* Interactive)) {
        return yield* new UsageError({
          problem:
            "--all forgets every sign-in, and this run cannot ask for confirmation. Add --yes to confirm."
        })
      }
      const confirmed = yield* Prompt.run(Prompt.Confirm({ message: "Forget the sign-ins to every server?" }))
      if (!confirmed) return yield* tell("Nothing was forgotten.")
    }
    if (Option.isNone(name)) {
      const forgotten = yield* signOut.resetAll
      if (yield* Json) return yield* printJson(json(forgotten))
      return yield* tell(
        forgotten.length === 0
          ? "There was nothing to forget."
          : `Forgot the sign-in to ${forgotten.map(nameOf).join(", ")}.`
      )
    }
    const key = yield* accountAt(name.value)
    const { resource } = yield* signInNamed(key.server, key.account, url)
    const forgotten = yield* signOut.reset(key.server, key.account, resource)
    if (yield* Json) return yield* printJson(json(forgotten ? [key] : []))
    yield* tell(
      forgotten ? `Forgot the sign-in to ${nameOf(key)}.` : `There was nothing to forget for ${nameOf(key)}.`
    )
    yield* showOthers(key.server, key.account, resource)
    if (Option.isSome(yield* Account)) return
    const listed = yield* CredentialStore.use((store) => store.list)
    const others = listed.filter(({ account, server }) => server === key.server && account !== key.account)
    const [other] = others
    if (other === undefined) return
    yield* tell(`Still stored: ${others.map(nameOf).join(", ")}.`)
    const forget = command("auth reset", {
      server: other.server,
      account: other.account,
      purpose: `forget ${others.length === 1 ? "it" : "one of them"}`
    })
    yield* tell(remedyText(forget, yield* configFileOfRun))
  })
).pipe(
  Command.withDescription("Forget a sign-in on this machine, without a password or the network"),
  Command.withExamples([
    { command: "mcp-cli auth reset notion", description: "Forget one: the next use signs in again" },
    { command: "mcp-cli auth reset notion --account work", description: "Forget one account of several" },
    {
      command: "mcp-cli auth reset notion --url https://old.example.com/mcp",
      description: "Forget the sign-in to an address that the configuration no longer names"
    },
    { command: "mcp-cli auth reset --all --yes", description: "Forget all, without being asked" }
  ])
)
