import { Effect, Option } from "effect"
import { Flag } from "effect/cli"
import { CredentialKey } from "../../domain/CredentialKey.ts"
import { command } from "../../domain/Remedy.ts"
import { canonicalResource } from "../../domain/SecureUrl.ts"
import type { ConfiguredValue } from "../../domain/SecretReference.ts"
import { type RemoteServer, resourceOf } from "../../domain/Server.ts"
import { Configuration } from "../../ports/Configuration.ts"
import { CredentialStore } from "../../ports/CredentialStore.ts"
import { httpEntry } from "./Arguments.ts"
import { tell } from "./Output.ts"
import { remedyText } from "./RemedyText.ts"
import { configFileOfRun } from "./Settings.ts"

/** `--url URL`: which server of a name. */
export const addressFlag = Flag.String("url").pipe(
  Flag.withMetavar("URL"),
  Flag.withDescription("The sign-in to this address, if the configuration names another one"),
  Flag.filter(
    (text) => URL.canParse(text),
    () => "Expected the URL of a server"
  ),
  Flag.optional
)

/** The sign-in that a command line names. */
interface NamedSignIn {
  /** The server as it is configured now. Absent: the configuration does not name it. */
  readonly server: RemoteServer<ConfiguredValue> | undefined
  /** The server that the sign-in is for. Absent: whatever is stored under the name. */
  readonly resource: string | undefined
}

const storedOf = (name: string, account: string) =>
  Effect.map(
    CredentialStore.use((store) => store.list),
    (keys) => keys.filter((key) => key.isOfSameAccount(CredentialKey.of(name, account)))
  )

/**
 * Finds the sign-in of a name: to `url`, else to the server that the configuration names so, else what is stored under the
 * name. Fails if nothing is stored either, and if the configuration is broken and several sign-ins have the name.
 */
export const signInNamed = Effect.fnUntraced(function* (
  name: string,
  account: string,
  url: Option.Option<string>
) {
  const found = yield* Effect.result(Configuration.use((configuration) => configuration.server(name)))
  const server = found._tag === "Success" && found.success._tag === "Http" ? found.success : undefined
  if (Option.isSome(url)) {
    const resource = canonicalResource(new URL(url.value))
    const isConfigured = server !== undefined && resourceOf(server) === resource
    return { server: isConfigured ? server : undefined, resource } satisfies NamedSignIn
  }
  if (server !== undefined) return { server, resource: resourceOf(server) } satisfies NamedSignIn
  const stored = yield* storedOf(name, account)
  const isAmbiguous =
    stored.length > 1 && found._tag === "Failure" && found.failure._tag === "ConfigurationError"
  if (stored.length === 0 || isAmbiguous) yield* httpEntry(name)
  return { server: undefined, resource: undefined } satisfies NamedSignIn
})

/** Says which sign-ins of the same name and account are for other servers, and how to end them. */
export const showOthers = Effect.fnUntraced(function* (
  name: string,
  account: string,
  resource: string | undefined
) {
  const store = yield* CredentialStore
  for (const key of yield* storedOf(name, account)) {
    // One that cannot be read is shown by `auth status`.
    const other = Option.flatten(yield* Effect.option(store.get(key)))
    if (Option.isNone(other) || other.value.resource === resource) continue
    const url = other.value.resource
    const end = command("auth logout", { server: name, account, options: { url }, purpose: "end it" })
    yield* tell(`Another sign-in is stored under the name ${name}, to ${url}.`)
    yield* tell(remedyText(end, yield* configFileOfRun))
  }
})
