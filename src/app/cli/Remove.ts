import { Effect, type Layer, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { CredentialKey } from "../../domain/CredentialKey.ts"
import { command } from "../../domain/Remedy.ts"
import type { Configuration, ConfigurationError } from "../../ports/Configuration.ts"
import { ConfigurationEditor } from "../../ports/ConfigurationEditor.ts"
import { CredentialStore, type StorageError } from "../../ports/CredentialStore.ts"
import type { SignOut } from "../signin/SignOut.ts"
import { resolvedName, serverName } from "./Arguments.ts"
import { endSignIn, showLogout } from "./AuthLogout.ts"
import type { JsonOutput } from "./JsonOutput.ts"
import { printJson, tell } from "./Output.ts"
import { remedyText } from "./RemedyText.ts"
import { configFileOfRun, Json } from "./Settings.ts"
import { UsageError } from "./UsageError.ts"

/** Ends every sign-in to a server of the configuration. */
const signOutOf = Effect.fnUntraced(function* (given: string) {
  const name = yield* resolvedName(given)
  const listed = yield* CredentialStore.use((store) => store.list)
  const accounts = new Set(listed.filter(({ server }) => server === name).map(({ account }) => account))
  for (const account of accounts) {
    const key = CredentialKey.of(name, account)
    const { done, server } = yield* endSignIn(key, Option.none())
    if (yield* Json) continue
    yield* Effect.forEach(done, (result) => showLogout(key, server, result), { discard: true })
  }
})

/** `mcp-cli remove NAME` */
export const remove = <R>(
  stored: Layer.Layer<Configuration | CredentialStore | SignOut, ConfigurationError | StorageError, R>
) =>
  Command.make(
    "remove",
    {
      name: serverName,
      signOut: Flag.Boolean("sign-out").pipe(
        Flag.withDescription("Revoke and forget its sign-ins first"),
        Flag.withDefault(false)
      )
    },
    Effect.fn("cli.remove")(function* ({ name, signOut }) {
      // Revoking needs the settings of the server.
      if (signOut) yield* Effect.provide(signOutOf(name), stored)
      const { backup, file, removed } = yield* ConfigurationEditor.use((editor) => editor.remove(name)).pipe(
        Effect.catchTag("UnknownServer", ({ message, remedies }) =>
          Effect.fail(
            new UsageError({ problem: message, remedies: remedies.filter(({ _tag }) => _tag === "Advice") })
          )
        )
      )
      if (yield* Json) {
        return yield* printJson({
          server: removed.name,
          file,
          signedOut: signOut,
          backup: backup ?? null
        } satisfies JsonOutput<"remove">)
      }
      yield* tell(`Removed ${removed.name} from ${file}.`)
      if (backup !== undefined) yield* tell(`The file as it was before: ${backup}`)
      if (signOut || !removed.authorization.startsWith("oauth")) return
      const end = command("auth logout", { server: removed.name, purpose: "end it" })
      yield* tell(
        `If you are signed in to ${removed.name}, that sign-in is still stored.`,
        remedyText(end, yield* configFileOfRun)
      )
    })
  ).pipe(
    Command.withDescription("Remove a server from the configuration file"),
    Command.withExamples([
      { command: "mcp-cli remove notion", description: "Its sign-in stays stored" },
      { command: "mcp-cli remove notion --sign-out", description: "Sign out of it as well" }
    ])
  )
