import { Clock, Context, Effect, Layer, Option } from "effect"
import { type Credential, isSameCredential } from "../../domain/Credential.ts"
import { CredentialKey } from "../../domain/CredentialKey.ts"
import type { LockError } from "../../ports/CredentialLock.ts"
import { StorageError } from "../../ports/CredentialStore.ts"
import type { StorageBackend } from "../../ports/StorageBackend.ts"
import { type OpenStorage, StorageBackends } from "../../ports/StorageBackends.ts"
import { StorageChoices } from "../../ports/StorageChoice.ts"
import { BackendError, Unavailable } from "../../ports/StorageFailure.ts"
import { ChosenStorage } from "./ChosenStorage.ts"
import { placeIn } from "./CredentialPlaces.ts"

/** The result of a move. */
export interface Moved {
  /** Names of the backends that sign-ins were moved out of; empty: there was nothing to move. */
  readonly from: ReadonlyArray<string>
  readonly to: StorageBackend
  readonly moved: ReadonlyArray<CredentialKey>
  /** Unreadable records. They stay where they are. */
  readonly left: ReadonlyArray<Unreadable>
}

/** A record that cannot be read, and why. */
interface Unreadable {
  readonly key: CredentialKey
  readonly problem: StorageError
}

/** The sign-ins that a move has removed from a backend, and those that it could not read. */
interface Removed {
  readonly moved: ReadonlyArray<CredentialKey>
  readonly left: ReadonlyArray<Unreadable>
}

/**
 * Moves all sign-ins to a backend, which is in use from then on: copies them, reads them back, changes the choice,
 * and only then removes the originals. An interrupted move can be run again.
 */
export class StorageMove extends Context.Service<
  StorageMove,
  {
    /**
     * @param to name of the new backend
     * @param from name of a backend to empty in addition to the one in use
     */
    readonly move: (to: string, from?: string) => Effect.Effect<Moved, StorageError | LockError>
  }
>()("mcp-cli-oauth/app/storage/StorageMove") {}

/** The lock of a move on this machine; no key of any store. */
const everything = CredentialKey.of("all sign-ins")

/** True if a record has the younger tokens: only they hold the current refresh token of a server that rotates them. */
const isNewer = (one: Credential, other: Credential): boolean => {
  const age = ({ tokens }: Credential) => tokens?.obtainedAt ?? 0
  return age(one) === age(other) ? one.generation > other.generation : age(one) > age(other)
}

/** Reads a record. One that is damaged, from a newer version, or readable by others is a problem, not a failure. */
const readable = ({ store }: OpenStorage, key: CredentialKey) =>
  store.get(key).pipe(
    Effect.map((found) => ({ found, problem: undefined })),
    Effect.catchIf(
      ({ reason }) => ["Corrupt", "NewerVersion", "InsecurePermissions"].includes(reason._tag),
      (error) => Effect.succeed({ found: Option.none<Credential>(), problem: error })
    )
  )

/** Writes a record, and reads it back. */
const copy = Effect.fnUntraced(function* (
  { store }: OpenStorage,
  key: CredentialKey,
  credential: Credential
) {
  yield* store.put(key, credential)
  const read = yield* store.get(key)
  if (Option.exists(read, (found) => isSameCredential(found, credential))) return
  const { backend } = store.description
  return yield* new StorageError({
    reason: new BackendError({
      backend,
      detail: `it returned the sign-in to ${key.server} other than it was stored`
    })
  })
})

/** Copies a record unless the target has a newer one, from an earlier attempt or from another machine. */
const copyUnlessNewer = Effect.fnUntraced(function* (
  target: OpenStorage,
  key: CredentialKey,
  credential: Credential
) {
  const there = yield* Effect.catchReason(
    target.store.get(key),
    "StorageError",
    "Corrupt",
    () => Effect.succeedNone
  )
  if (Option.isNone(there) || isNewer(credential, there.value)) yield* copy(target, key, credential)
})

/** As {@link copyUnlessNewer}. If the record of its name there is for another resource, it goes beside that one. */
const copyIfNewer = Effect.fnUntraced(function* (
  target: OpenStorage,
  from: CredentialKey,
  credential: Credential
) {
  const key = yield* placeIn(target.store, from, credential)
  const step = copyUnlessNewer(target, key, credential)
  // The caller holds the lock of the name, and another process may refresh what is beside it.
  yield* key.tag === from.tag ? step : target.lock.withLock(key, "refresh")(step)
})

/** Holds the lock that keeps out the writers of both sides: a shared lock also holds on this machine. */
const withBoth = (source: OpenStorage, target: OpenStorage, key: CredentialKey) =>
  (source.store.description.backend.lockScope === "shared" ? source : target).lock.withLock(key, "refresh")

/** Copies every readable sign-in of a backend. */
const copyAll = Effect.fnUntraced(function* (source: OpenStorage, target: OpenStorage) {
  for (const key of yield* source.store.list) {
    const step = Effect.gen(function* () {
      const { found } = yield* readable(source, key)
      if (Option.isSome(found)) yield* copyIfNewer(target, key, found.value)
    })
    yield* withBoth(source, target, key)(step)
  }
})

/** Removes the sign-ins of a backend that is no longer in use, after copying what was written there since {@link copyAll}. */
const removeMoved = Effect.fnUntraced(function* (
  source: OpenStorage,
  target: OpenStorage
): Effect.fn.Return<Removed, StorageError | LockError> {
  const moved = new Map<string, CredentialKey>()
  const left = new Map<string, Unreadable>()
  for (;;) {
    // A process that was refreshing when the choice changed may have written once more.
    const keys = (yield* source.store.list).filter(({ storageName }) => !left.has(storageName))
    if (keys.length === 0) return { moved: [...moved.values()], left: [...left.values()] }
    for (const key of keys) {
      const step = Effect.gen(function* () {
        const { found, problem } = yield* readable(source, key)
        if (problem !== undefined) {
          left.set(key.storageName, { key, problem })
          return
        }
        if (Option.isSome(found)) yield* copyIfNewer(target, key, found.value)
        yield* source.store.remove(key)
        moved.set(key.storageName, key)
      })
      yield* withBoth(source, target, key)(step)
    }
  }
})

/** @see StorageMove */
export const layer: Layer.Layer<StorageMove, never, ChosenStorage | StorageBackends | StorageChoices> =
  Layer.effect(
    StorageMove,
    Effect.gen(function* () {
      const chosen = yield* ChosenStorage
      const backends = yield* StorageBackends
      const choices = yield* StorageChoices

      const moveUnderLock = Effect.fnUntraced(function* (target: OpenStorage, to: string, from?: string) {
        const inUse = yield* chosen.inUse
        yield* target.store.unlock

        // The backend in use is always emptied: nothing would find its sign-ins after the move.
        const sources = [...new Set([inUse.backend, from ?? inUse.backend])].filter((name) => name !== to)
        const open = (name: string) => backends.open(name, name === inUse.backend ? inUse.address : undefined)
        for (const name of sources) yield* copyAll(yield* open(name), target)

        const since = yield* Clock.currentTimeMillis
        const { address } = target
        const choice = {
          backend: to,
          reason: "sign-ins were moved there",
          since,
          ...(address === undefined ? {} : { address })
        }
        const migratingFrom = [...new Set([...inUse.migratingFrom, ...sources])].filter((name) => name !== to)
        yield* choices.write({ ...choice, migratingFrom })

        const removed = yield* Effect.forEach(migratingFrom, (name) =>
          Effect.gen(function* () {
            return { name, ...(yield* removeMoved(yield* open(name), target)) }
          })
        )
        const unfinished = removed.filter(({ left }) => left.length > 0).map(({ name }) => name)
        yield* choices.write({ ...choice, migratingFrom: unfinished })
        const moved = new Map(removed.flatMap((each) => each.moved).map((key) => [key.storageName, key]))
        return {
          from: migratingFrom,
          to: target.store.description.backend,
          moved: [...moved.values()],
          left: removed.flatMap(({ left }) => left)
        }
      })

      // Two moves at once would each undo the choice of the other.
      const move = Effect.fn("StorageMove.move")(function* (to: string, from?: string) {
        const target = yield* backends.open(to)
        const { addressed } = backends.automatic
        if (addressed?.isOfFolder === true && to === addressed.backend.name) {
          return yield* new StorageError({
            reason: new Unavailable({
              backend: addressed.backend,
              detail:
                "only the configuration in this folder says where it is, and a move is for the sign-ins of every folder"
            })
          })
        }
        return yield* target.lock.withLock(everything, "store")(moveUnderLock(target, to, from))
      })

      return StorageMove.of({ move })
    })
  )
