import { Clock, Effect, Layer, Option, Redacted } from "effect"
import { CredentialKey } from "../../domain/CredentialKey.ts"
import { secretRecord } from "../../domain/SecretRecord.ts"
import { CredentialLock } from "../../ports/CredentialLock.ts"
import { CredentialStore } from "../../ports/CredentialStore.ts"
import { type ServerSecret, ServerSecrets } from "../../ports/ServerSecrets.ts"
import { ChosenStorage } from "./ChosenStorage.ts"

/** Stores secrets of servers beside the sign-ins, in the storage that is in use, so that they move with them. */
export const layer: Layer.Layer<ServerSecrets, never, ChosenStorage | CredentialStore | CredentialLock> =
  Layer.effect(
    ServerSecrets,
    Effect.gen(function* () {
      const storage = yield* ChosenStorage
      const store = yield* CredentialStore
      const lock = yield* CredentialLock
      const read = new Map<string, Redacted.Redacted>()
      return ServerSecrets.of({
        find: Effect.fn("ServerSecrets.find")(function* (secret) {
          const key = CredentialKey.ofSecret(secret)
          const found = yield* store.get(key)
          return Option.flatMap(found, ({ resource, tokens }): Option.Option<ServerSecret> => {
            if (tokens === undefined) return Option.none()
            // By value: a log strikes out one that was replaced, too.
            read.set(Redacted.value(tokens.accessToken), tokens.accessToken)
            return Option.some({ destination: resource, value: tokens.accessToken })
          })
        }),
        names: Effect.gen(function* () {
          const opened = yield* storage.open
          const keys = yield* opened.store.list
          return keys.flatMap(({ secret }) => secret ?? [])
        }),
        put: Effect.fn("ServerSecrets.put")(function* (secret, { destination, value }) {
          const key = CredentialKey.ofSecret(secret)
          const record = secretRecord(secret.name, destination, value, yield* Clock.currentTimeMillis)
          yield* lock.withLock(key, "refresh")(store.put(key, record))
        }),
        remove: Effect.fn("ServerSecrets.remove")(function* (secret) {
          const key = CredentialKey.ofSecret(secret)
          return yield* lock.withLock(key, "refresh")(store.remove(key))
        }),
        read: Effect.sync(() => [...read.values()])
      })
    })
  )
