import { Effect, Layer, Option } from "effect"
import type { Credential } from "../../../domain/Credential.ts"
import type { CredentialKey } from "../../../domain/CredentialKey.ts"
import { CredentialStore } from "../../../ports/CredentialStore.ts"

/** Keeps credentials for as long as the layer lives, and nowhere else. */
export const layer: Layer.Layer<CredentialStore> = Layer.sync(CredentialStore, () => {
  const kept = new Map<string, { readonly key: CredentialKey; readonly credential: Credential }>()
  return CredentialStore.of({
    description: { backend: "memory", location: "this process" },
    unlock: Effect.void,
    get: (key) => Effect.sync(() => Option.fromNullishOr(kept.get(key.storageName)?.credential)),
    put: (key, credential) => Effect.sync(() => void kept.set(key.storageName, { key, credential })),
    remove: (key) => Effect.sync(() => kept.delete(key.storageName)),
    clear: Effect.sync(() => kept.clear()),
    list: Effect.sync(() =>
      [...kept.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, { key }]) => key)
    )
  })
})
