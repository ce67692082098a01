import { Effect, Option } from "effect"
import { CredentialKey } from "../../domain/CredentialKey.ts"
import { type IsOwn, ownCredentials } from "../../domain/OwnCredentials.ts"
import { canonicalResource } from "../../domain/SecureUrl.ts"
import { Configuration, type ServerSummary } from "../../ports/Configuration.ts"

/** The default account of a server of the configuration. Its resource is absent while its address cannot be filled in. */
const expectedOf = Effect.fnUntraced(function* ({ name, target }: ServerSummary) {
  const url = URL.parse(target)
  if (!target.includes("${") && url !== null) return CredentialKey.of(name, undefined, canonicalResource(url))
  const server = yield* Effect.option(Configuration.use((configuration) => configuration.server(name)))
  return Option.isSome(server) && server.value._tag === "Http"
    ? CredentialKey.at(server.value)
    : CredentialKey.of(name)
})

/** The default accounts of the servers that sign in. */
export const keysOf = (servers: ReadonlyArray<ServerSummary>) =>
  Effect.forEach(
    servers.filter(({ authorization }) => authorization.startsWith("oauth")),
    expectedOf
  )

/** The sign-ins of the configuration of this run. None are, if it cannot be read. */
export const isConfigured: Effect.Effect<IsOwn, never, Configuration> = Configuration.use(({ servers }) =>
  Effect.flatMap(servers, keysOf)
).pipe(
  Effect.orElseSucceed(() => []),
  Effect.map(ownCredentials)
)
