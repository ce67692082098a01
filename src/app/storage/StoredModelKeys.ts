import { Clock, Effect, Layer, Option } from "effect"
import { CredentialKey } from "../../domain/CredentialKey.ts"
import { secretRecord } from "../../domain/SecretRecord.ts"
import { CredentialLock } from "../../ports/CredentialLock.ts"
import { CredentialStore } from "../../ports/CredentialStore.ts"
import { ModelKeys } from "../../ports/ModelKeys.ts"
import { ChosenStorage } from "./ChosenStorage.ts"

/** Stores keys beside the sign-ins, in the storage that is in use, so that they move and are removed with them. */
export const layer: Layer.Layer<ModelKeys, never, ChosenStorage | CredentialStore | CredentialLock> =
  Layer.effect(
    ModelKeys,
    Effect.gen(function* () {
      const storage = yield* ChosenStorage
      const store = yield* CredentialStore
      const lock = yield* CredentialLock
      return ModelKeys.of({
        find: Effect.fn("ModelKeys.find")(function* (provider, origin) {
          const found = yield* store.get(CredentialKey.ofModels(provider))
          return Option.flatMap(found, ({ resource, tokens }) =>
            resource === origin && tokens !== undefined ? Option.some(tokens.accessToken) : Option.none()
          )
        }),
        providers: Effect.gen(function* () {
          const opened = yield* storage.open
          const keys = yield* opened.store.list
          return keys.flatMap(({ modelProvider }) => modelProvider ?? [])
        }),
        put: Effect.fn("ModelKeys.put")(function* (provider, origin, key) {
          const name = CredentialKey.ofModels(provider)
          const record = secretRecord(provider, origin, key, yield* Clock.currentTimeMillis)
          yield* lock.withLock(name, "refresh")(store.put(name, record))
        }),
        remove: Effect.fn("ModelKeys.remove")(function* (provider) {
          const name = CredentialKey.ofModels(provider)
          return yield* lock.withLock(name, "refresh")(store.remove(name))
        })
      })
    })
  )
