import { Effect, Layer, Option } from "effect"
import type { Credential } from "../../../domain/Credential.ts"
import type { CredentialKey } from "../../../domain/CredentialKey.ts"
import { CredentialStore } from "../../../ports/CredentialStore.ts"
import { memoryBackend } from "../../../ports/StorageBackend.ts"

/** Stores credentials in memory, for the lifetime of the layer. */
export const layer: Layer.Layer<CredentialStore> = Layer.sync(CredentialStore, () => {
  const stored = new Map<string, { readonly key: CredentialKey; readonly credential: Credential }>()
  return CredentialStore.of({
    description: { backend: memoryBackend, location: "this process" },
    unlock: Effect.void,
    get: (key) => Effect.sync(() => Option.fromNullishOr(stored.get(key.storageName)?.credential)),
    put: (key, credential) => Effect.sync(() => void stored.set(key.storageName, { key, credential })),
    remove: (key) => Effect.sync(() => stored.delete(key.storageName)),
    clear: Effect.sync(() => stored.clear()),
    list: Effect.sync(() =>
      [...stored.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, { key }]) => key)
    )
  })
})
