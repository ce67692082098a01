import { Effect, Layer, Semaphore } from "effect"
import { CredentialLock } from "../../ports/CredentialLock.ts"

/** Locks among the fibers of one process, for a store that no other process sees. */
export const layer: Layer.Layer<CredentialLock> = Layer.sync(CredentialLock, () => {
  const mutexes = new Map<string, Semaphore.Semaphore>()
  return CredentialLock.of({
    withLock: (key, purpose) => (effect) =>
      Effect.suspend(() => {
        const name = `${key.storageName} ${purpose}`
        const mutex = mutexes.get(name) ?? Semaphore.makeUnsafe(1)
        mutexes.set(name, mutex)
        return mutex.withPermit(effect)
      })
  })
})
