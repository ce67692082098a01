import { Effect, type Layer, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { CredentialKey } from "../../domain/CredentialKey.ts"
import { command } from "../../domain/Remedy.ts"
import { RevocationFailed } from "../../domain/SignInError.ts"
import type { Configuration, ConfigurationError } from "../../ports/Configuration.ts"
import { ConfigurationEditor } from "../../ports/ConfigurationEditor.ts"
import { CredentialStore, type StorageError } from "../../ports/CredentialStore.ts"
import { ServerSecrets } from "../../ports/ServerSecrets.ts"
import type { SignOut } from "../signin/SignOut.ts"
import { nameOf, resolvedName, serverName } from "./Arguments.ts"
import { endSignIn, showLogout } from "./AuthLogout.ts"
import type { JsonOutput } from "./JsonOutput.ts"
import { showOthers } from "./NamedSignIn.ts"
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
    const { done, resource, server } = yield* endSignIn(key, Option.none())
    if (yield* Json) continue
    yield* Effect.forEach(done, (result) => showLogout(key, server, result), { discard: true })
    yield* showOthers(name, account, resource)
  }
})

/** The same error, with the way to remove the server all the same. */
const removable = ({ account, detail, fixes, server }: RevocationFailed) =>
  new RevocationFailed({
    server,
    ...(account === undefined ? {} : { account }),
    detail,
    fixes: [
      ...fixes,
      command("remove", { server, options: { "sign-out": true }, purpose: "try both again" }),
      command("remove", { server, purpose: "remove the server all the same, and keep the sign-in" })
    ]
  })

/** The secrets that are stored for a server. */
const secretsOf = (server: string) =>
  Effect.map(
    ServerSecrets.use(({ names }) => names),
    (all) => all.filter((secret) => secret.server === server)
  )

/** Removes the secrets that are stored for a server. */
const removeSecrets = Effect.fnUntraced(function* (given: string) {
  const name = yield* resolvedName(given)
  for (const secret of yield* secretsOf(name)) {
    yield* ServerSecrets.use((secrets) => secrets.remove(secret))
    if (!(yield* Json)) yield* tell(`Removed the secret ${secret.name} of ${name}.`)
  }
})

/** How long a store may take to say what it still holds: the server is removed by then. */
const listTimeout = "3 seconds"

/** Says which sign-ins and secrets stay behind, and how to remove them. */
const showLeft = Effect.fnUntraced(function* <R>(name: string, hasSignIn: boolean, stored: Stored<R>) {
  const configFile = yield* configFileOfRun
  const end = (account?: string) =>
    remedyText(command("auth logout", { server: name, account, purpose: "end it" }), configFile)
  const listed = yield* Effect.all([CredentialStore.use((store) => store.list), secretsOf(name)]).pipe(
    Effect.provide(stored),
    Effect.timeout(listTimeout),
    Effect.option
  )
  if (Option.isNone(listed)) {
    if (!hasSignIn) return
    return yield* tell(`If you are signed in to ${name}, that sign-in is still stored.`, end())
  }
  const [keys, secrets] = listed.value
  for (const secret of secrets) {
    const forget = command("secret remove", { server: name, operand: secret.name, purpose: "forget it" })
    yield* tell(`The secret ${secret.name} of ${name} is still stored.`, remedyText(forget, configFile))
  }
  const left = new Map(keys.filter(({ server }) => server === name).map((key) => [key.account, key.first]))
  for (const key of left.values())
    yield* tell(`The sign-in to ${nameOf(key)} is still stored.`, end(key.account))
})

type Stored<R> = Layer.Layer<
  Configuration | CredentialStore | ServerSecrets | SignOut,
  ConfigurationError | StorageError,
  R
>

/** `mcp-cli remove NAME` */
export const remove = <R>(stored: Stored<R>, storedWithoutPrompt: Stored<R>) =>
  Command.make(
    "remove",
    {
      name: serverName,
      signOut: Flag.Boolean("sign-out").pipe(
        Flag.withDescription("Revoke and forget its sign-ins first, and its stored secrets"),
        Flag.withDefault(false)
      )
    },
    Effect.fn("cli.remove")(function* ({ name, signOut }) {
      // Revoking needs the settings of the server.
      if (signOut) {
        yield* Effect.andThen(signOutOf(name), removeSecrets(name)).pipe(
          Effect.catchTag("RevocationFailed", (failed) => Effect.fail(removable(failed))),
          Effect.provide(stored)
        )
      }
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
      if (signOut) return
      yield* showLeft(removed.name, removed.authorization.startsWith("oauth"), storedWithoutPrompt)
    })
  ).pipe(
    Command.withDescription("Remove a server from the configuration file"),
    Command.withExamples([
      { command: "mcp-cli remove notion", description: "Its sign-in stays stored" },
      { command: "mcp-cli remove notion --sign-out", description: "Sign out of it as well" }
    ])
  )
