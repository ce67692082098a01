import { Clock, Context, Data, Effect, Layer, Option } from "effect"
import { type Credential, isSameCredential } from "../../domain/Credential.ts"
import { CredentialKey } from "../../domain/CredentialKey.ts"
import type { IsOwn } from "../../domain/OwnCredentials.ts"
import type { LockError } from "../../ports/CredentialLock.ts"
import { type StorageDescription, StorageError } from "../../ports/CredentialStore.ts"
import { anyKeyring, type StorageBackend } from "../../ports/StorageBackend.ts"
import { type OpenStorage, StorageBackends } from "../../ports/StorageBackends.ts"
import { StorageChoices } from "../../ports/StorageChoice.ts"
import { BackendError, isUnreadable, Unavailable } from "../../ports/StorageFailure.ts"
import { ChosenStorage } from "./ChosenStorage.ts"
import { atEndOfMove } from "./MoveLocked.ts"
import { placeIn } from "./CredentialPlaces.ts"
import { isAhead, isNewer, type Rule } from "./RecordAge.ts"

/** Reports long work. */
type Progress = (done: number, total: number) => Effect.Effect<void>

/** What a move takes, and reports. */
export interface MoveOptions {
  /** The sign-ins to take from a store that other machines share. Absent: all of them. */
  readonly isOwn?: IsOwn
  /** Called after each sign-in is copied. */
  readonly progress?: Progress
  /** Called after each original is removed, or left. */
  readonly removed?: Progress
}

/** A store that other machines share, and all that it holds. */
export interface SharedSource {
  readonly description: StorageDescription
  readonly keys: ReadonlyArray<CredentialKey>
}

/** The result of a move. */
export interface Moved {
  /** Names of the backends that sign-ins were moved out of; empty: there was nothing to move. */
  readonly from: ReadonlyArray<string>
  readonly to: StorageBackend
  readonly moved: ReadonlyArray<CredentialKey>
  /** Unreadable records. They stay where they are. */
  readonly left: ReadonlyArray<Unreadable>
  /** Sign-ins in a store that other machines share, with names of {@link MoveOptions.isOwn}, but for other servers. They stay, too. */
  readonly elsewhere: ReadonlyArray<CredentialKey>
}

/** A record that cannot be read, and why. */
interface Unreadable {
  readonly key: CredentialKey
  readonly problem: StorageError
}

/** The sign-ins that a move has removed from a backend, and those that it has not. */
type Removed = Pick<Moved, "moved" | "left" | "elsewhere">

/**
 * Moves all sign-ins to a backend, which is in use from then on: copies them, reads them back, changes the choice,
 * and only then removes the originals. An interrupted move can be run again.
 */
export class StorageMove extends Context.Service<
  StorageMove,
  {
    /**
     * @param to name of the new backend; `keyring`: the one of this system
     * @param from name of a backend to empty in addition to the one in use
     */
    readonly move: (
      to: string,
      from?: string,
      options?: MoveOptions
    ) => Effect.Effect<Moved, StorageError | LockError>
    /** What a move would take from stores that other machines share. Changes nothing. */
    readonly shared: (to: string, from?: string) => Effect.Effect<ReadonlyArray<SharedSource>, StorageError>
  }
>()("mcp-cli-oauth/app/storage/StorageMove") {}

/** The lock of a move on this machine; no key of any store. */
const everything = CredentialKey.of("all sign-ins")

/** Reads a record. One that is damaged, from a newer version, or readable by others is a problem, not a failure. */
const readable = ({ store }: OpenStorage, key: CredentialKey) =>
  store.get(key).pipe(
    Effect.map((found) => ({ found, problem: undefined })),
    Effect.catchIf(
      ({ reason }) => isUnreadable(reason),
      (error) => Effect.succeed({ found: Option.none<Credential>(), problem: error })
    )
  )

/** Writes a record, and reads it back. */
const copy = Effect.fnUntraced(function* (target: OpenStorage, key: CredentialKey, credential: Credential) {
  yield* target.store.put(key, credential)
  yield* verify(target, key, credential)
})

/** Reads a record back. */
const verify = Effect.fnUntraced(function* (
  { store }: OpenStorage,
  key: CredentialKey,
  credential: Credential
) {
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

/** Copies a record unless the target has one that it does not replace, such as a newer one of another machine. */
const copyByRule = Effect.fnUntraced(function* (
  target: OpenStorage,
  key: CredentialKey,
  credential: Credential,
  replaces: Rule
) {
  const there = yield* Effect.catchReason(
    target.store.get(key),
    "StorageError",
    "Corrupt",
    () => Effect.succeedNone
  )
  if (Option.isNone(there) || replaces(credential, there.value)) yield* copy(target, key, credential)
})

/** As {@link copyByRule}. If the record of its name there is for another resource, it goes beside that one. */
const copyToPlace = Effect.fnUntraced(function* (
  target: OpenStorage,
  from: CredentialKey,
  credential: Credential,
  replaces: Rule
) {
  const key = yield* placeIn(target.store, from, credential)
  const step = copyByRule(target, key, credential, replaces)
  // The caller holds the lock of the name, and another process may refresh what is beside it.
  yield* key.tag === from.tag ? step : target.lock.withLock(key, "refresh")(step)
})

/** Holds the lock that keeps out the writers of both sides: a shared lock also holds on this machine. */
const withBoth = (source: OpenStorage, target: OpenStorage, key: CredentialKey) =>
  (source.store.description.backend.lockScope === "shared" ? source : target).lock.withLock(key, "refresh")

/** One backend that is emptied into another, and the sign-ins that are taken. */
class Passage extends Data.Class<{
  readonly source: OpenStorage
  readonly target: OpenStorage
  readonly isOwn: IsOwn
  /** The target holds what an earlier move, there or from there, has left. The source has gone on since. */
  readonly hasLeftovers: boolean
}> {
  /** What was copied, by storage name. What is still the same can be removed. */
  readonly copied = new Map<string, Credential>()

  /** The sign-ins to take, by their names. */
  readonly list = Effect.suspend(() =>
    Effect.map(this.source.store.list, (keys) => keys.filter((key) => this.isOwn(key)))
  )
}

/** True if other machines share the source or the target. */
const isBetweenMachines = ({ source, target }: Passage): boolean =>
  [source, target].some(({ store }) => store.description.backend.lockScope === "shared")

/** Records that are copied at the same time. A keyring is asked for one at a time, since it may ask the user. */
const concurrency = (passage: Passage): number => (isBetweenMachines(passage) ? 4 : 1)

/** Copies a record that is not in the target yet, and reads it back. False: it is there by now. */
const createIn = Effect.fnUntraced(function* (
  target: OpenStorage,
  key: CredentialKey,
  credential: Credential
) {
  const { atomic } = target.store
  if (atomic === undefined || !(yield* atomic.create(key, credential))) return false
  yield* verify(target, key, credential)
  return true
})

/** Copies every readable sign-in of a backend. */
const copyAll = Effect.fnUntraced(function* (passage: Passage, progress: Progress) {
  const { copied, hasLeftovers, isOwn, source, target } = passage
  const replaces = hasLeftovers ? isAhead : isNewer
  const keys = yield* passage.list
  const there = new Set((yield* target.store.list).map(({ storageName }) => storageName))
  const { atomic } = source.store
  // A removal that compares makes up for a copy without the lock of the source.
  const lock = (key: CredentialKey) =>
    atomic === undefined ? withBoth(source, target, key) : target.lock.withLock(key, "refresh")
  let done = 0
  const copyOne = Effect.fnUntraced(function* (key: CredentialKey) {
    /** Reads under a lock, so that no process of this machine is refreshing what is copied. */
    const step = (write: (found: Credential) => Effect.Effect<boolean, StorageError | LockError>) =>
      Effect.gen(function* () {
        const found = Option.getOrUndefined((yield* readable(source, key)).found)
        if (found === undefined || !isOwn(key, found)) return true
        const isCopied = yield* write(found)
        if (isCopied) copied.set(key.storageName, found)
        return isCopied
      })
    const isNew = target.store.atomic !== undefined && !there.has(key.storageName)
    const create = source.lock.withLock(key, "refresh")(step((found) => createIn(target, key, found)))
    const isCreated = isNew && (yield* create)
    if (!isCreated)
      yield* lock(key)(step((found) => Effect.as(copyToPlace(target, key, found, replaces), true)))
    yield* progress(++done, keys.length)
  })
  yield* Effect.forEach(keys, copyOne, { discard: true, concurrency: concurrency(passage) })
})

/** Removes the original of a copy, if it is still the same. */
const removeCopied = ({ copied, source }: Passage, key: CredentialKey) => {
  const copy = copied.get(key.storageName)
  if (copy === undefined) return Effect.succeed(false)
  if (source.store.atomic !== undefined) return source.store.atomic.removeSame(key, copy)
  return Effect.gen(function* () {
    const { found } = yield* readable(source, key)
    return Option.exists(found, (now) => isSameCredential(now, copy)) && (yield* source.store.remove(key))
  }).pipe(source.lock.withLock(key, "refresh"))
}

/** Removes the sign-ins of a backend that is no longer in use, after copying what was written there since {@link copyAll}. */
const removeMoved = Effect.fnUntraced(function* (
  passage: Passage,
  progress: Progress
): Effect.fn.Return<Removed, StorageError | LockError> {
  const { copied, isOwn, source, target } = passage
  // What other machines have written to a shared store since is no copy.
  const wasWrittenLater = isBetweenMachines(passage) ? isNewer : isAhead
  const moved = new Map<string, CredentialKey>()
  const left = new Map<string, Unreadable>()
  const foreign = new Map<string, CredentialKey>()
  const removeOne = Effect.fnUntraced(function* (key: CredentialKey) {
    const copy = copied.get(key.storageName)
    /** The copy of this move, unless a process has replaced it since. */
    const replaces: Rule = (one, there) =>
      (copy !== undefined && isSameCredential(there, copy)) || wasWrittenLater(one, there)
    const step = Effect.gen(function* () {
      const { found, problem } = yield* readable(source, key)
      if (problem !== undefined) return void left.set(key.storageName, { key, problem })
      if (Option.exists(found, (credential) => !isOwn(key, credential)))
        return void foreign.set(key.storageName, key)
      if (Option.isSome(found)) yield* copyToPlace(target, key, found.value, replaces)
      yield* source.store.remove(key)
      moved.set(key.storageName, key)
    })
    if (yield* removeCopied(passage, key)) moved.set(key.storageName, key)
    else yield* withBoth(source, target, key)(step)
  })
  for (;;) {
    // A process that was refreshing when the choice changed may have written once more.
    const keys = (yield* passage.list).filter(
      ({ storageName }) => !left.has(storageName) && !foreign.has(storageName)
    )
    if (keys.length === 0) {
      return { moved: [...moved.values()], left: [...left.values()], elsewhere: [...foreign.values()] }
    }
    let done = 0
    const step = (key: CredentialKey) =>
      Effect.andThen(
        removeOne(key),
        Effect.suspend(() => progress(++done, keys.length))
      )
    yield* Effect.forEach(keys, step, { discard: true, concurrency: concurrency(passage) })
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

      /**
       * The backends that a move empties: the one in use, since nothing would find its sign-ins after the move; for the same
       * reason the one that an earlier move went to, if the configuration names another; and the one that is named.
       */
      const sourcesOf = Effect.fnUntraced(function* (to: string, from?: string) {
        const inUse = yield* chosen.inUse
        const choice = Option.getOrUndefined(yield* choices.read)
        const names = [inUse.backend, choice?.backend ?? inUse.backend, from ?? inUse.backend]
        const open = (name: string) =>
          backends.open(name, name === choice?.backend ? choice.address : undefined)
        return { inUse, names: [...new Set(names)].filter((name) => name !== to), open }
      })

      /**
       * Notes that the target will hold copies, so that a sign-out removes them as well if the move is not completed. In a
       * store that other machines share, they are no longer this machine's alone.
       */
      const announce = Effect.fnUntraced(function* (target: OpenStorage, to: string) {
        const before = Option.getOrUndefined(yield* choices.read)
        const copiedTo = before?.copiedTo ?? []
        const isNoted = copiedTo.includes(to)
        const isShared = target.store.description.backend.lockScope === "shared"
        const hasLeftovers = !isShared && (isNoted || before?.migratingFrom.includes(to) === true)
        // A move alone makes no choice: other configurations would be bound to it.
        if (before !== undefined && !isNoted && !isShared && before.backend !== to)
          yield* choices.write({ ...before, copiedTo: [...copiedTo, to] })
        return { hasLeftovers, copiedTo: copiedTo.filter((name) => name !== to) }
      })

      const moveUnderLock = Effect.fnUntraced(function* (
        target: OpenStorage,
        to: string,
        from: string | undefined,
        {
          isOwn = () => true,
          progress = () => Effect.void,
          removed: onRemoved = () => Effect.void
        }: MoveOptions
      ) {
        const { inUse, names, open } = yield* sourcesOf(to, from)
        yield* target.store.unlock
        const { copiedTo, hasLeftovers } = yield* announce(target, to)

        const opened = new Map<string, Passage>()
        const passageFrom = Effect.fnUntraced(function* (name: string) {
          const known = opened.get(name)
          if (known !== undefined) return known
          const source = yield* open(name)
          const isShared = source.store.description.backend.lockScope === "shared"
          const passage = new Passage({ source, target, isOwn: isShared ? isOwn : () => true, hasLeftovers })
          opened.set(name, passage)
          return passage
        })
        for (const name of names) yield* copyAll(yield* passageFrom(name), progress)

        const since = yield* Clock.currentTimeMillis
        const { address } = target
        const choice = {
          backend: to,
          reason: "sign-ins were moved there",
          since,
          ...(address === undefined ? {} : { address })
        }
        const migratingFrom = [...new Set([...inUse.migratingFrom, ...names])].filter((name) => name !== to)
        const withCopies = (names: ReadonlyArray<string>) => (names.length === 0 ? {} : { copiedTo: names })
        yield* choices.write({ ...choice, migratingFrom, isMoving: true, ...withCopies(copiedTo) })

        const removed = yield* Effect.forEach(migratingFrom, (name) =>
          Effect.gen(function* () {
            return { name, ...(yield* removeMoved(yield* passageFrom(name), onRemoved)) }
          })
        )
        const unfinished = removed.filter(({ left }) => left.length > 0).map(({ name }) => name)
        // A store that was emptied holds no copies either.
        const stillCopiedTo = copiedTo.filter((name) => !migratingFrom.includes(name))
        yield* choices.write({ ...choice, migratingFrom: unfinished, ...withCopies(stillCopiedTo) })
        const moved = new Map(removed.flatMap((each) => each.moved).map((key) => [key.storageName, key]))
        return {
          from: migratingFrom,
          to: target.store.description.backend,
          moved: [...moved.values()],
          left: removed.flatMap(({ left }) => left),
          elsewhere: removed.flatMap(({ elsewhere }) => elsewhere)
        }
      })

      const shared = Effect.fn("StorageMove.shared")(function* (to: string, from?: string) {
        const { inUse, names, open } = yield* sourcesOf(to, from)
        const all = [...new Set([...inUse.migratingFrom, ...names])].filter((name) => name !== to)
        const stores = yield* Effect.forEach(all, (name) => Effect.map(open(name), ({ store }) => store))
        return yield* Effect.forEach(
          stores.filter(({ description }) => description.backend.lockScope === "shared"),
          ({ description, list }) => Effect.map(list, (keys): SharedSource => ({ description, keys }))
        )
      })

      // Two moves at once would each undo the choice of the other.
      const move = Effect.fn("StorageMove.move")(function* (
        to: string,
        from?: string,
        options: MoveOptions = {}
      ) {
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
        return yield* target.lock.withLock(everything, "store")(moveUnderLock(target, to, from, options))
      })

      const named = (name: string) =>
        name === anyKeyring ? (backends.automatic.keyring?.name ?? name) : name
      const fromNamed = (name: string | undefined) => (name === undefined ? undefined : named(name))
      const atEnd = (to: string, from?: string) => {
        const locked = atEndOfMove(named(to), { to, from })
        return (error: StorageError) => Effect.fail(locked(error))
      }
      return StorageMove.of({
        move: (to, from, options) =>
          Effect.catchTag(move(named(to), fromNamed(from), options), "StorageError", atEnd(to, from)),
        shared: (to, from) =>
          Effect.catchTag(shared(named(to), fromNamed(from)), "StorageError", atEnd(to, from))
      })
    })
  )
