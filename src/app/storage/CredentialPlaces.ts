import { Effect, Option, Result } from "effect"
import type { Credential } from "../../domain/Credential.ts"
import type { CredentialKey } from "../../domain/CredentialKey.ts"
import type { CredentialLock } from "../../ports/CredentialLock.ts"
import type { CredentialStore, StorageError } from "../../ports/CredentialStore.ts"
import type { OpenStorage } from "../../ports/StorageBackends.ts"
import { isOfWholeStore, type StorageFailure } from "../../ports/StorageFailure.ts"

/**
 * Where a store keeps the record of a key for a resource: beside the record of the key, if that one is for another. A secret
 * or the key of a provider is found by its name alone, so that it is never beside another.
 */
export const placeIn = (
  store: CredentialStore["Service"],
  key: CredentialKey,
  { resource }: Credential
): Effect.Effect<CredentialKey, StorageError> =>
  Effect.map(
    // A damaged record is replaced.
    Effect.catchReason(store.get(key), "StorageError", "Corrupt", () => Effect.succeedNone),
    (there) =>
      key.isSignIn && Option.exists(there, (other) => other.resource !== resource)
        ? key.beside(resource)
        : key
  )

/** Places that are remembered. Forgetting one costs a read. */
const maxRemembered = 1000

/** A record does not tell what it is for, and will not later either. */
const isDamaged = ({ _tag }: StorageFailure): boolean => _tag === "Corrupt" || _tag === "NewerVersion"

const isFor = (resource: string) => (credential: Credential) => credential.resource === resource

/** Where the record of a key is, or where a new one goes. */
interface Place {
  readonly at: CredentialKey
  readonly found: Option.Option<Credential>
}

/** Finds the places of records in a store, and remembers them. */
const makePlaces = (store: CredentialStore["Service"]) => {
  /** Where records were last found, or go beside another, by the identity of their keys. */
  const places = new Map<string, CredentialKey>()

  const remember = ({ identity }: CredentialKey, { at, found }: Place) => {
    // The plain name may be taken by the time that something is stored.
    if (Option.isNone(found) && at.tag === undefined) return void places.delete(identity)
    if (places.size >= maxRemembered) places.clear()
    places.set(identity, at)
  }

  const readAt = (at: CredentialKey, resource: string): Effect.Effect<Place, StorageError> =>
    Effect.map(store.get(at), (read) => ({
      at,
      found: Option.filter(read, isFor(resource))
    }))

  const find = Effect.fnUntraced(function* (key: CredentialKey, resource: string) {
    const beside = key.beside(resource)
    const last = places.get(key.identity)
    if (last?.tag !== undefined) {
      const again = yield* readAt(beside, resource)
      if (Option.isSome(again.found)) return again
    }
    const first = yield* Effect.result(store.get(key.first))
    if (Result.isFailure(first) && isOfWholeStore(first.failure.reason)) return yield* first.failure
    const named = Option.flatten(Result.getSuccess(first))
    if (Option.exists(named, isFor(resource))) {
      return { at: key.first, found: named }
    }
    const second = yield* readAt(beside, resource)
    if (Option.isSome(second.found)) return second
    // It may be the one that is looked for.
    if (Result.isFailure(first)) return yield* first.failure
    const isFree = Option.isNone(named) && last?.tag === undefined
    return { at: isFree ? key.first : beside, found: Option.none() }
  })

  /** Finds the place of a key, and remembers it. */
  const locate = (key: CredentialKey, resource: string): Effect.Effect<Place, StorageError> =>
    Effect.tap(find(key, resource), (place) => Effect.sync(() => remember(key, place)))

  return { places, remember, find, locate }
}

/**
 * Finds credentials by name and resource. Two configurations may give one name to different servers, and neither may
 * replace the sign-in of the other.
 *
 * The first record of a name has the plain name. A record of the same name for another resource is stored beside it
 * (`CredentialKey.beside`). A key without a resource means the record of exactly its name.
 *
 * The refresh lock of a key is the lock of its record. Before its first record it is the lock of the name, under which the
 * place is decided.
 */
export const byResource = ({ lock, store }: OpenStorage): OpenStorage => {
  const { find, locate, places, remember } = makePlaces(store)

  const put: CredentialStore["Service"]["put"] = Effect.fnUntraced(function* (key, credential) {
    const { resource } = key
    if (resource === undefined) return yield* store.put(key, credential)
    const known = places.get(key.identity)
    const at =
      known ??
      (yield* locate(key, resource).pipe(
        Effect.map((place) => place.at),
        // The first record may be for another resource. One that can be read later may be for this one.
        Effect.catchIf(
          ({ reason }) => isDamaged(reason),
          () => Effect.succeed(key.beside(resource))
        )
      ))
    yield* store.put(at, credential)
    remember(key, { at, found: Option.some(credential) })
  })

  const remove: CredentialStore["Service"]["remove"] = Effect.fnUntraced(function* (key) {
    const { resource } = key
    if (resource === undefined) return yield* store.remove(key)
    const place = yield* Effect.result(find(key, resource))
    places.delete(key.identity)
    if (Result.isSuccess(place)) {
      return Option.isSome(place.success.found) && (yield* store.remove(place.success.at))
    }
    // A record beside the first one is certainly the one that is meant.
    if (yield* store.remove(key.beside(resource))) return true
    const first = yield* Effect.result(store.get(key.first))
    const isOther = Result.isSuccess(first) && !Option.exists(first.success, isFor(resource))
    if (isOther) return false
    // It may be another server's, and the next attempt may tell.
    if (Result.isFailure(first)) {
      const { reason } = first.failure
      if (!isDamaged(reason) && !isOfWholeStore(reason)) return yield* first.failure
    }
    return yield* store.remove(key.first)
  })

  const withLock: CredentialLock["Service"]["withLock"] = (key, purpose) => (effect) => {
    const { resource } = key
    if (resource === undefined || purpose !== "refresh") return lock.withLock(key, purpose)(effect)
    // If the store fails, so does the effect, which says more.
    const placeAfter = (held: CredentialKey) =>
      Effect.map(
        Effect.orElseSucceed(locate(key, resource), () => ({ at: held })),
        ({ at }) => at
      )
    const underName = lock.withLock(
      key.first,
      purpose
    )(
      Effect.gen(function* () {
        const at = yield* placeAfter(key.first)
        return yield* at.tag === undefined ? effect : lock.withLock(at, purpose)(effect)
      })
    )
    return Effect.gen(function* () {
      const known = places.get(key.identity)
      if (known === undefined) return yield* underName
      const done = yield* lock.withLock(
        known,
        purpose
      )(
        Effect.gen(function* () {
          const at = yield* placeAfter(known)
          return at.tag === known.tag ? Option.some(yield* effect) : Option.none()
        })
      )
      // The record was removed, or its store was changed, since its place was remembered.
      return Option.isSome(done) ? done.value : yield* underName
    })
  }

  /** Confirms the lock of the place that {@link withLock} has locked. */
  const confirm: CredentialLock["Service"]["confirm"] = (key, purpose) =>
    Effect.suspend(() => {
      const isPlaced = key.resource !== undefined && purpose === "refresh"
      const at = isPlaced ? (places.get(key.identity) ?? key.first) : key
      return lock.confirm?.(at, purpose) ?? Effect.void
    })

  /** Reserves space for the record at its place. */
  const reserve: CredentialStore["Service"]["reserve"] = Effect.fnUntraced(function* (key, credential) {
    if (store.reserve === undefined) return
    const { resource } = key
    const known = resource === undefined ? key : places.get(key.identity)
    const at = known ?? (yield* locate(key, credential.resource)).at
    yield* store.reserve(at, credential)
  })

  return {
    lock: { withLock, ...(lock.confirm === undefined ? {} : { confirm }) },
    store: {
      get description() {
        return store.description
      },
      unlock: store.unlock,
      get: (key) =>
        key.resource === undefined
          ? store.get(key)
          : Effect.map(locate(key, key.resource), ({ found }) => found),
      put,
      reserve,
      remove,
      clear: Effect.ensuring(
        store.clear,
        Effect.sync(() => places.clear())
      ),
      list: store.list
    }
  }
}
