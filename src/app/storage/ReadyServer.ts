import { Effect, Option, type Redacted } from "effect"
import {
  type ConfiguredServer,
  destinationText,
  isReady,
  secretUsesOf,
  withSecrets
} from "../../domain/ConfiguredServer.ts"
import { SecretBoundElsewhere, SecretMissing } from "../../domain/SecretError.ts"
import type { Server } from "../../domain/Server.ts"
import type { StorageError } from "../../ports/CredentialStore.ts"
import { type ServerSecret, ServerSecrets } from "../../ports/ServerSecrets.ts"

/** Why the secrets of a server cannot be used. */
export type SecretProblem = SecretMissing | SecretBoundElsewhere | StorageError

/**
 * Reads the secrets that the entry of a server refers to. A server without any is returned as it is, and no store is read.
 *
 * Fails with `SecretMissing` if one is not stored, and with `SecretBoundElsewhere` if the entry would send one elsewhere
 * than it was stored for.
 */
export const readyServer = Effect.fn("readyServer")(function* (
  server: ConfiguredServer
): Effect.fn.Return<Server, SecretProblem, ServerSecrets> {
  if (isReady(server)) return server
  const secrets = yield* ServerSecrets
  const uses = secretUsesOf(server)
  const found = new Map<string, ServerSecret>()
  for (const name of new Set(uses.map((use) => use.name))) {
    const secret = yield* secrets.find({ server: server.name, name })
    if (Option.isSome(secret)) found.set(name, secret.value)
  }
  const missing = uses.flatMap(({ name }) => (found.has(name) ? [] : [name]))
  if (missing.length > 0) {
    return yield* new SecretMissing({ server: server.name, names: [...new Set(missing)] })
  }
  const values = new Map<string, Redacted.Redacted>()
  for (const { destination, name } of uses) {
    const { destination: storedFor = "", value } = found.get(name) ?? {}
    if (value === undefined || storedFor !== destination) {
      return yield* new SecretBoundElsewhere({
        server: server.name,
        name,
        storedFor: destinationText(storedFor),
        destination: destinationText(destination)
      })
    }
    values.set(name, value)
  }
  const valueOf = (name: string): Redacted.Redacted => {
    const value = values.get(name)
    if (value === undefined) throw new Error("a secret of the entry was not read")
    return value
  }
  return withSecrets(server, valueOf)
})
