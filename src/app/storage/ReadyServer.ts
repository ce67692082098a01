import { Effect, Option } from "effect"
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
  const secretOf = (name: string): ServerSecret => {
    const secret = found.get(name)
    if (secret === undefined) throw new Error("a secret of the entry was not read")
    return secret
  }
  const elsewhere = uses.find(({ destination, name }) => secretOf(name).destination !== destination)
  if (elsewhere !== undefined) {
    return yield* new SecretBoundElsewhere({
      server: server.name,
      name: elsewhere.name,
      storedFor: destinationText(secretOf(elsewhere.name).destination),
      destination: destinationText(elsewhere.destination)
    })
  }
  return withSecrets(server, (name) => secretOf(name).value)
})
