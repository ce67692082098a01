import { Clock, Context, Effect, Layer, Option } from "effect"
import { type Credential, isSameCredential } from "../../domain/Credential.ts"
import { CredentialKey } from "../../domain/CredentialKey.ts"
import type { LockError } from "../../ports/CredentialLock.ts"
import { StorageError } from "../../ports/CredentialStore.ts"
import { type OpenStorage, StorageBackends } from "../../ports/StorageBackends.ts"
import { StorageChoices } from "../../ports/StorageChoice.ts"
import { BackendError, type StorageBackend } from "../../ports/StorageFailure.ts"
import { ChosenStorage } from "./ChosenStorage.ts"

/** What a move did. */
export interface Moved {
  /** Where sign-ins were taken from; empty: there was nothing to move. */
  readonly from: ReadonlyArray<StorageBackend>
  readonly to: StorageBackend
  readonly moved: ReadonlyArray<CredentialKey>
  /** Records that cannot be read. They stay where they are. */
  readonly left: ReadonlyArray<{ readonly key: CredentialKey; readonly problem: string }>
}

/**
 * Moves all sign-ins to a backend, which is in use from then on: copies them, reads them back, makes the new place the one
 * that counts, and only then removes the old ones. It can be interrupted anywhere and run again.
 */
export class StorageMove extends Context.Service<
  StorageMove,
  {
    /** @param from a backend whose sign-ins go there as well as those of the backend in use */
    readonly move: (
      to: StorageBackend,
      from?: StorageBackend
    ) => Effect.Effect<Moved, StorageError | LockError>
  }
>()("mcp-cli-oauth/app/storage/StorageMove") {}

/** What a move has to itself, on this machine; no key of any store. */
const everything = CredentialKey.of("all sign-ins")

/** Of two records of a key the one whose tokens are the younger; a refresh token that rotates lives in that one alone. */
const isNewer = (one: Credential, other: Credential): boolean => {
  const age = ({ tokens }: Credential) => tokens?.obtainedAt ?? 0
  return age(one) === age(other) ? one.generation > other.generation : age(one) > age(other)
}

/** @see StorageMove */
export const layer: Layer.Layer<StorageMove, never, ChosenStorage | StorageBackends | StorageChoices> =
  Layer.effect(
    StorageMove,
    Effect.gen(function* () {
      const chosen = yield* ChosenStorage
      const backends = yield* StorageBackends
      const choices = yield* StorageChoices

      const copy = Effect.fnUntraced(function* (
        to: StorageBackend,
        { store }: OpenStorage,
        key: CredentialKey,
        credential: Credential
      ) {
        yield* store.put(key, credential)
        const read = yield* store.get(key)
        if (!Option.exists(read, (found) => isSameCredential(found, credential))) {
          return yield* new StorageError({
            reason: new BackendError({
              backend: to,
              detail: `it does not give back the sign-in to ${key.server} as it was put there`
            })
          })
        }
      })

      /** Records of one key that are damaged keep nobody from moving the others. */
      const readable = (storage: OpenStorage, key: CredentialKey) =>
        storage.store.get(key).pipe(
          Effect.map((found) => ({ found, problem: undefined })),
          Effect.catchIf(
            ({ reason }) => ["Corrupt", "NewerVersion", "InsecurePermissions"].includes(reason._tag),
            (error) => Effect.succeed({ found: Option.none<Credential>(), problem: error.message })
          )
        )

      const moveInTurn = Effect.fnUntraced(function* (
        target: OpenStorage,
        to: StorageBackend,
        from: StorageBackend | undefined
      ) {
        const inUse = yield* chosen.inUse
        yield* target.store.unlock
        const moved = new Map<string, CredentialKey>()
        const left = new Map<string, { readonly key: CredentialKey; readonly problem: string }>()

        /** One writer at a time on both sides: a lease in Vault holds on this machine as well. */
        const lockOf = (source: OpenStorage, backend: StorageBackend) =>
          backend === "vault" ? source.lock : target.lock

        /** What is there may be of an earlier attempt, or in a Vault of another machine, whose sign-in is not to be lost. */
        const copyNewer = Effect.fnUntraced(function* (key: CredentialKey, credential: Credential) {
          const there = yield* Effect.catchReason(
            target.store.get(key),
            "StorageError",
            "Corrupt",
            () => Effect.succeedNone
          )
          if (Option.isNone(there) || isNewer(credential, there.value)) {
            yield* copy(to, target, key, credential)
          }
        })

        // Those in use go along in any case: they would be found no more.
        const sources = [...new Set([inUse.backend, from ?? inUse.backend])].filter((origin) => origin !== to)
        for (const origin of sources) {
          const source = yield* backends.open(origin)
          for (const key of yield* source.store.list) {
            const step = Effect.gen(function* () {
              const { found } = yield* readable(source, key)
              if (Option.isSome(found)) yield* copyNewer(key, found.value)
            })
            yield* lockOf(source, origin).withLock(key, "refresh")(step)
          }
        }
        const migratingFrom = new Set([...inUse.migratingFrom, ...sources])
        migratingFrom.delete(to)
        const since = yield* Clock.currentTimeMillis
        const choice = { backend: to, reason: "sign-ins were moved there", since }
        yield* choices.write({ ...choice, migratingFrom: [...migratingFrom] })

        for (const backend of migratingFrom) {
          const source = yield* backends.open(backend)
          for (;;) {
            // Somebody who was in the middle of a refresh may have written there once more.
            const keys = (yield* source.store.list).filter(
              (key) => !left.has(`${backend} ${key.storageName}`)
            )
            if (keys.length === 0) break
            for (const key of keys) {
              const step = Effect.gen(function* () {
                const { found, problem } = yield* readable(source, key)
                if (problem !== undefined) {
                  left.set(`${backend} ${key.storageName}`, { key, problem })
                  return
                }
                if (Option.isSome(found)) yield* copyNewer(key, found.value)
                yield* source.store.remove(key)
                moved.set(key.storageName, key)
              })
              yield* lockOf(source, backend).withLock(key, "refresh")(step)
            }
          }
        }
        const unfinished = [...migratingFrom].filter((backend) =>
          [...left.keys()].some((name) => name.startsWith(`${backend} `))
        )
        yield* choices.write({ ...choice, migratingFrom: unfinished })
        return { from: [...migratingFrom], to, moved: [...moved.values()], left: [...left.values()] }
      })

      // Of two moves at once each would undo what the other has decided.
      const move = Effect.fn("StorageMove.move")(function* (to: StorageBackend, from?: StorageBackend) {
        const target = yield* backends.open(to)
        return yield* target.lock.withLock(everything, "store")(moveInTurn(target, to, from))
      })

      return StorageMove.of({ move })
    })
  )
