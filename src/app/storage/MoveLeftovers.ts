import { Effect, Option } from "effect"
import type { Credential } from "../../domain/Credential.ts"
import type { CredentialKey } from "../../domain/CredentialKey.ts"
import type { CredentialStore, StorageError } from "../../ports/CredentialStore.ts"
import type { OpenStorage, StorageBackends } from "../../ports/StorageBackends.ts"
import { isAhead } from "./RecordAge.ts"

/** The names of the backends at the two ends of moves that are not completed. */
interface Ends {
  /** What a move has not emptied yet. */
  readonly migratingFrom: ReadonlyArray<string>
  /** What a move has copied sign-ins to, before it failed. */
  readonly copiedTo: ReadonlyArray<string>
}

/** Removes something from a store. */
type Removal = (store: CredentialStore["Service"]) => Effect.Effect<unknown, StorageError>

const isShared = ({ description }: CredentialStore["Service"]): boolean =>
  description.backend.lockScope === "shared"

/** What moves that are not completed have left in other backends than the one in use. */
export const moveLeftovers = (backends: StorageBackends["Service"]) => {
  const open = (backend: string) => Effect.map(backends.open(backend), ({ store }) => store)

  /** @param fromCopies absent: as from the other end */
  const removeFrom = Effect.fnUntraced(function* (
    { copiedTo, migratingFrom }: Ends,
    remove: Removal,
    fromCopies: Removal = remove
  ) {
    for (const backend of migratingFrom) yield* remove(yield* open(backend))
    // Nothing reads the copies. A backend that is not there any more does not keep a user from signing out.
    for (const backend of copiedTo) {
      yield* open(backend).pipe(
        Effect.flatMap(fromCopies),
        Effect.catchIf(
          ({ reason }) => reason._tag === "Unavailable",
          () => Effect.void
        )
      )
    }
  })

  return {
    /** Removes a record. */
    remove: (ends: Ends, key: CredentialKey) => removeFrom(ends, (store) => store.remove(key)),

    /** Removes all records, and the copies of what is in use. */
    clear: (ends: Ends, inUse: OpenStorage["store"]) =>
      removeFrom(
        ends,
        // What other machines store there is not left by this one.
        (store) => (isShared(store) ? Effect.void : store.clear),
        // Other configurations may name the backend of the copies.
        (store) => Effect.flatMap(inUse.list, (keys) => Effect.forEach(keys, store.remove))
      ),

    /**
     * The newest record of a sign-in while a move is not completed. What was stored in the old place after the move had copied
     * or listed what is there counts for more than the copy. A store that other machines share is left out: it may hold what
     * is theirs by now, or may have ended it.
     *
     * @param found the record of the storage in use
     */
    newest: Effect.fnUntraced(function* (
      inUse: OpenStorage & { readonly movingFrom: ReadonlyArray<string> },
      key: CredentialKey,
      found: Option.Option<Credential>
    ) {
      let newest = found
      for (const backend of isShared(inUse.store) ? [] : inUse.movingFrom) {
        const left = yield* open(backend).pipe(
          Effect.flatMap((store) => (isShared(store) ? Effect.succeedNone : store.get(key))),
          // Only what may pass says that a sign-in may be there.
          Effect.catchIf(
            ({ reason }) => reason._tag !== "Inaccessible" && reason._tag !== "TimedOut",
            () => Effect.succeedNone
          )
        )
        if (Option.isSome(left) && (Option.isNone(newest) || isAhead(left.value, newest.value))) newest = left
      }
      return newest
    })
  }
}
