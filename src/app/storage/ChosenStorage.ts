import { Clock, Context, Effect, Layer, Option } from "effect"
import type { CredentialKey } from "../../domain/CredentialKey.ts"
import { command } from "../../domain/Remedy.ts"
import { Configuration, type ConfigurationError } from "../../ports/Configuration.ts"
import { CredentialLock, type LockError, type LockPurpose } from "../../ports/CredentialLock.ts"
import { CredentialStore, type StorageDescription, type StorageError } from "../../ports/CredentialStore.ts"
import { type OpenStorage, StorageBackends } from "../../ports/StorageBackends.ts"
import { type BackendAddress, isSameAddress, StorageChoices } from "../../ports/StorageChoice.ts"
import { UserInteraction } from "../../ports/UserInteraction.ts"
import { automaticChoice } from "./AutomaticChoice.ts"
import { byResource, placeIn } from "./CredentialPlaces.ts"
import { moveLeftovers } from "./MoveLeftovers.ts"

/** The backend in use, and why. */
export interface StorageInUse {
  /** The name of the backend. */
  readonly backend: string
  /** Completes "because". */
  readonly reason: string
  /** When this was decided, in milliseconds since the epoch; absent: each run decides. */
  readonly since: number | undefined
  /** True if the configuration names the backend. */
  readonly isNamed: boolean
  /** Names of backends that may still hold copies because a move out of them was interrupted. */
  readonly migratingFrom: ReadonlyArray<string>
  /** The move out of these is under way, or was interrupted: they may have newer records. */
  readonly isMoving?: boolean
  /** Names of other backends that hold copies because a move to them was not completed. */
  readonly copiedTo: ReadonlyArray<string>
  /** Where the backend was when it was chosen. Absent: it needs no address, or nothing is chosen. */
  readonly address?: BackendAddress
}

/** Which backend is in use. */
export class ChosenStorage extends Context.Service<
  ChosenStorage,
  {
    readonly inUse: Effect.Effect<StorageInUse, StorageError>
    /** The storage in use, or the one that would be chosen now. Makes no choice. */
    readonly open: Effect.Effect<OpenStorage, StorageError>
  }
>()("mcp-cli-oauth/app/storage/ChosenStorage") {}

/** What messages say of a storage that cannot be opened. */
const unopened: StorageDescription = {
  backend: {
    name: "unknown",
    label: "the token store",
    lockScope: "machine",
    lasting: true,
    hints: { unavailable: [], locked: [] }
  },
  location: "unknown"
}

/** Warns if the sign-ins are in another backend than the configuration names, or at another address. */
const warnIfElsewhere = Effect.fnUntraced(function* ({ address, store: { description } }: OpenStorage) {
  const choice = Option.getOrUndefined(yield* StorageChoices.use((choices) => choices.read))
  if (choice === undefined) return
  const { label, name } = description.backend
  const user = yield* UserInteraction
  if (choice.migratingFrom.includes(name)) {
    const target = yield* StorageBackends.use((backends) => backends.open(choice.backend)).pipe(
      Effect.map(({ store }) => store.description.backend.label),
      Effect.orElseSucceed(() => choice.backend)
    )
    yield* user.tell(
      `warning: the configuration names ${label}, and sign-ins were moved from there to ${target}.`
    )
  }
  if (choice.backend !== name || address === undefined || choice.address === undefined) return
  if (isSameAddress(address, choice.address)) return
  yield* user.tell(
    `warning: sign-ins were stored in ${label} at ${placeText(choice.address)}, and ${placeText(address)} is set now and used.`,
    [command("storage move", { options: { to: name }, purpose: "stay with that" })]
  )
})

const placeText = ({ namespace, url }: BackendAddress): string =>
  namespace === undefined ? url : `${url} (namespace ${namespace})`

/** How long reads trust their last look at the choice, in milliseconds. */
const choiceFreshFor = 100

/**
 * The store and the lock that the configuration names; for `auto`, those of {@link automaticChoice}.
 *
 * The choice is made once per machine, by the first write, and remembered. Each access checks whether it has changed,
 * so that a running program follows when sign-ins are moved.
 *
 * A choice that cannot be read or a backend that cannot be opened fails each access, and not the layer: what only reports
 * on the storage still can.
 */
export const layer: Layer.Layer<
  CredentialStore | CredentialLock | ChosenStorage,
  ConfigurationError,
  Configuration | UserInteraction | StorageBackends | StorageChoices
> = Layer.effectContext(
  Effect.gen(function* () {
    const settings = yield* Configuration.use((configuration) => configuration.tokenStorage)
    const backends = yield* StorageBackends
    const choices = yield* StorageChoices
    const { decide, foresee } = yield* automaticChoice
    const leftovers = moveLeftovers(backends)

    const inUse: Effect.Effect<StorageInUse, StorageError> = Effect.gen(function* () {
      const { backend } = settings
      const choice = Option.getOrUndefined(yield* choices.read)
      const none = { migratingFrom: [], isMoving: false, copiedTo: [] }
      if (backend !== "auto") {
        const { copiedTo = [], isMoving = false, migratingFrom } = choice?.backend === backend ? choice : none
        const reason = "the configuration names it"
        return { backend, reason, since: undefined, isNamed: true, migratingFrom, isMoving, copiedTo }
      }
      if (choice !== undefined) return { copiedTo: [], ...choice, isNamed: false }
      const foreseen = yield* foresee
      return {
        backend: foreseen.backend.name,
        reason: foreseen.reason,
        since: undefined,
        isNamed: false,
        ...none
      }
    }).pipe(Effect.withSpan("ChosenStorage.inUse"))

    /** The storage that was opened last. Absent: none could be opened so far. */
    let current:
      | (OpenStorage & { readonly backend: string; readonly movingFrom: ReadonlyArray<string> })
      | undefined
    let description: StorageDescription = unopened
    const describe = ({ reason }: StorageError) =>
      Effect.sync(() => {
        if ("backend" in reason) description = { ...unopened, backend: reason.backend }
      })

    /** When the choice was last checked, in milliseconds since the epoch. */
    let checkedAt = 0

    /** The storage that counts now. */
    const now = Effect.gen(function* () {
      const { address, backend, isMoving, migratingFrom } = yield* inUse
      const opened =
        backend === current?.backend
          ? current
          : yield* Effect.tapError(backends.open(backend, address), describe)
      current = { ...opened, backend, movingFrom: isMoving === true ? migratingFrom : [] }
      checkedAt = yield* Clock.currentTimeMillis
      return current
    })

    // What fails here fails each access.
    yield* Effect.ignore(Effect.flatMap(now, warnIfElsewhere))

    /** The storage that counted moments ago: a caller that reads many records need not check before each. */
    const recently = Effect.flatMap(Clock.currentTimeMillis, (time) =>
      current !== undefined && time - checkedAt < choiceFreshFor ? Effect.succeed(current) : now
    )

    /** Makes the choice before the first write. */
    const decideFirst = settings.backend === "auto" ? decide : Effect.void

    const store = CredentialStore.of({
      get description() {
        return current?.store.description ?? description
      },
      unlock: Effect.gen(function* () {
        yield* decideFirst
        yield* (yield* now).store.unlock
      }),
      get: (key) =>
        Effect.gen(function* () {
          const before = yield* recently
          const found = yield* before.store.get(key)
          if (Option.isSome(found)) return yield* leftovers.newest(before, key, found)
          // It may have been moved just now.
          const after = yield* now
          const moved = after.backend === before.backend ? found : yield* after.store.get(key)
          return yield* leftovers.newest(after, key, moved)
        }),
      put: (key, credential) =>
        Effect.gen(function* () {
          yield* decideFirst
          const before = yield* now
          yield* before.store.put(key, credential)
          const after = yield* now
          if (after.backend === before.backend) return
          // Moved in between: readers look in the new place.
          yield* after.store.put(yield* placeIn(after.store, key, credential), credential)
          yield* before.store.remove(key)
        }),
      reserve: (key, credential) =>
        Effect.gen(function* () {
          yield* decideFirst
          const { store } = yield* now
          if (store.reserve !== undefined) yield* store.reserve(key, credential)
        }),
      remove: (key) =>
        Effect.gen(function* () {
          yield* leftovers.remove(yield* inUse, key)
          return yield* (yield* now).store.remove(key)
        }),
      clear: Effect.gen(function* () {
        const { store } = yield* now
        yield* leftovers.clear(yield* inUse, store)
        yield* store.clear
      }),
      // Keys of models and secrets of servers are stored beside the sign-ins, and are none.
      list: Effect.flatMap(now, ({ store }) =>
        Effect.map(store.list, (keys) => keys.filter(({ isSignIn }) => isSignIn))
      )
    })

    const locked = <A, E, R>(
      key: CredentialKey,
      purpose: LockPurpose,
      effect: Effect.Effect<A, E, R>
    ): Effect.Effect<A, E | LockError, R> =>
      Effect.gen(function* () {
        // The store reports a choice that cannot be read; the lock stays with the current storage.
        const before = yield* Effect.orElseSucceed(now, () => current)
        // Nothing can be read or written either.
        if (before === undefined) return yield* effect
        const inPlace = Effect.gen(function* () {
          const after = yield* Effect.orElseSucceed(now, () => before)
          return after.backend === before.backend ? Option.some(yield* effect) : Option.none<A>()
        })
        const result = yield* before.lock.withLock(key, purpose)(inPlace)
        return Option.isSome(result) ? result.value : yield* locked(key, purpose, effect)
      })

    const lock = CredentialLock.of({
      withLock: (key, purpose) => (effect) => locked(key, purpose, effect),
      confirm: (key, purpose) => Effect.suspend(() => current?.lock.confirm?.(key, purpose) ?? Effect.void)
    })

    const placed = byResource({ store, lock })
    return Context.make(CredentialStore, CredentialStore.of(placed.store)).pipe(
      Context.add(CredentialLock, CredentialLock.of(placed.lock)),
      Context.add(ChosenStorage, { inUse, open: now })
    )
  })
)
