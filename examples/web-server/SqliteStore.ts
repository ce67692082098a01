import { Effect, Layer, Option } from "effect"
import { CredentialJson, CredentialKey, CredentialStore } from "mcp-cli-oauth"
import { backend, Database } from "./Database.ts"
import { makeSealedRecords } from "./SealedRecords.ts"

/** Stores credentials in the database, one record for each user and server. */
export const layer: Layer.Layer<CredentialStore, never, Database> = Layer.effect(
  CredentialStore,
  Effect.gen(function* () {
    const { file } = yield* Database
    const records = yield* makeSealedRecords("credential", CredentialJson)
    return CredentialStore.of({
      description: { backend, location: file },
      unlock: Effect.void,
      get: (key) => records.get(key.storageName),
      put: (key, credential) => records.put(key.storageName, credential),
      remove: (key) => records.remove(key.storageName),
      clear: records.clear,
      list: Effect.map(records.names, (names) =>
        names.flatMap((name) => Option.toArray(CredentialKey.fromStorageName(name)))
      )
    })
  })
)
