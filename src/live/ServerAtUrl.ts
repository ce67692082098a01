import { Effect, Option } from "effect"
import { hasSecretShape, secretParameter } from "../domain/SecretShape.ts"
import { isReady } from "../domain/ConfiguredServer.ts"
import { oauthOf } from "../domain/Remedy.ts"
import { CredentialKey } from "../domain/CredentialKey.ts"
import type { RemoteServer } from "../domain/Server.ts"
import { Configuration, ConfigurationError, ConfigurationIssue } from "../ports/Configuration.ts"
import { CredentialStore } from "../ports/CredentialStore.ts"

/** True if a sign-in to this server is stored. A store that cannot be read is reported by the first request. */
const isStored = (server: RemoteServer, account: string | undefined) =>
  CredentialStore.use((store) => store.get(CredentialKey.at(server, account))).pipe(
    Effect.map(Option.isSome),
    Effect.orElseSucceed(() => false)
  )

/**
 * The server of a program that gives its URL alone: as the CLI knows it, by the name and the `oauth` block of the
 * configuration, or else by the URL. A sign-in that is stored under the host is found first. Configured headers are not sent.
 */
export const serverAtUrl = Effect.fnUntraced(function* (
  own: RemoteServer,
  account: string | undefined
): Effect.fn.Return<RemoteServer, ConfigurationError, Configuration | CredentialStore> {
  const { href } = own.url
  // Names of files and of stored sign-ins are made of a name.
  if (secretParameter(href) !== undefined || hasSecretShape(href)) return own
  if (yield* isStored(own, account)) return own
  const configuration = yield* Configuration
  const known = yield* Effect.catchTag(configuration.server(href), "UnknownServer", () => Effect.succeed(own))
  if (known._tag !== "Http") return own
  const used = { ...known, headers: {} }
  if (isReady(used)) return used
  const problem = "refers to a stored secret, which only the program mcp-cli reads"
  return yield* new ConfigurationError({
    issues: [new ConfigurationIssue({ path: [...oauthOf(known.name), "client_secret"], problem })]
  })
})
