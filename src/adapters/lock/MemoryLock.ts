import { Effect, Layer } from "effect"
import { CredentialLock } from "../../ports/CredentialLock.ts"
import { makeMutexes, withMutex } from "./KeyedMutex.ts"

/** Locks among the fibers of one process, for a store that no other process uses. */
export const layer: Layer.Layer<CredentialLock> = Layer.effect(
  CredentialLock,
  Effect.map(makeMutexes, (mutexes) =>
    CredentialLock.of({ withLock: (key, purpose) => withMutex(mutexes, `${key.storageName} ${purpose}`) })
  )
)
