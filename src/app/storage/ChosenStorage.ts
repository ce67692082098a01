import { Clock, Context, Effect, Layer, Option } from "effect"
import { CredentialKey } from "../../domain/CredentialKey.ts"
import { Configuration, type ConfigurationError, type StorageSettings } from "../../ports/Configuration.ts"
import { CredentialLock, type LockError, type LockPurpose } from "../../ports/CredentialLock.ts"
import { CredentialStore, StorageError } from "../../ports/CredentialStore.ts"
import { UserInteraction } from "../../ports/UserInteraction.ts"
import { type OpenStorage, StorageBackends } from "../../ports/StorageBackends.ts"
import { StorageChoices } from "../../ports/StorageChoice.ts"
import { backendNames, type StorageBackend } from "../../ports/StorageFailure.ts"

/** The backend that is in use, and why. */
export interface StorageInUse {
  readonly backend: StorageBackend
  /** Completes "because". */
  readonly reason: string
  /** When that was decided, in milliseconds since the epoch; absent: it is decided anew each time. */
  readonly since: number | undefined
  /** The configuration names it. */
  readonly isNamed: boolean
  /** Backends that may still hold copies after a move that was interrupted. */
  readonly migratingFrom: ReadonlyArray<StorageBackend>
}

/** Which backend is in use. */
export class ChosenStorage extends Context.Service<
  ChosenStorage,
  { readonly inUse: Effect.Effect<StorageInUse, StorageError> }
>()("mcp-cli-oauth/app/storage/ChosenStorage") {}

/** How long a look at the choice is good for, for reading, in milliseconds. */
const moment = 100

/** Somebody has said, in the configuration or the environment, how to prove to Vault who we are. */
const knowsVault = ({ vault }: StorageSettings): boolean =>
  vault !== undefined &&
  (vault.auth.method !== "token" || vault.auth.token !== undefined || vault.auth.tokenFile !== undefined)

/**
 * The store and the lock that the configuration names; for `auto`, by rule: Vault where it is set up, else the
 * keyring of the system, else encrypted files. Only a keyring that is not there at all is passed over. The choice is
 * made once a machine, when there is first something to keep, and then remembered; until then it is only foreseen.
 * Every access looks whether it has changed, so that a program which is running while sign-ins are moved goes with
 * them.
 */
export const layer: Layer.Layer<
  CredentialStore | CredentialLock | ChosenStorage,
  ConfigurationError | StorageError,
  Configuration | UserInteraction | StorageBackends | StorageChoices
> = Layer.effectContext(
  Effect.gen(function* () {
    const settings = yield* Configuration.use((configuration) => configuration.tokenStorage)
    const backends = yield* StorageBackends
    const choices = yield* StorageChoices
    const user = yield* UserInteraction

    /**
     * Why the keyring is not there at all; none where it is. To reach it is not enough: some have no place to keep
     * anything in, which only a write shows. What else is wrong with it is no reason to go elsewhere.
     */
    const absence = Effect.fnUntraced(function* (keyring: StorageBackend, writes: boolean) {
      const { store } = yield* backends.open(keyring)
      const probe = writes
        ? store.unlock
        : Effect.catchIf(
            store.get(CredentialKey.of("mcp-cli")),
            ({ reason }) => reason._tag !== "Unavailable",
            () => Effect.void
          )
      return yield* probe.pipe(
        Effect.as(Option.none<string>()),
        Effect.catchIf(
          ({ reason }) => reason._tag === "Unavailable",
          ({ reason }) => Effect.succeedSome(reason._tag === "Unavailable" ? reason.detail : "")
        )
      )
    })

    const byRule = Effect.fnUntraced(function* (writes: boolean) {
      if (knowsVault(settings)) return ["vault", "Vault's address and token are set"] as const
      const files = yield* backends.open("encrypted")
      if ((yield* files.store.list).length > 0) {
        return ["encrypted", "sign-ins of this machine are there already"] as const
      }
      const { keyring } = backends
      if (keyring === undefined) return ["encrypted", "this system has no keyring that is known"] as const
      const absent = yield* absence(keyring, writes)
      return Option.isNone(absent)
        ? ([keyring, "Vault is not set up, and the keyring of this system answers"] as const)
        : (["encrypted", `there is no keyring: ${absent.value}`] as const)
    })

    const foresee = yield* Effect.cached(
      Effect.map(byRule(false), ([backend, reason]): StorageInUse => ({
        backend,
        reason,
        since: undefined,
        isNamed: false,
        migratingFrom: []
      }))
    )

    /** Makes the choice, where it is not made yet: something is about to be kept. */
    const decide = Effect.gen(function* () {
      if (settings.backend !== "auto" || Option.isSome(yield* choices.read)) return
      const [backend, reason] = yield* byRule(true)
      // Another process may have chosen, or moved, while this one looked.
      if (Option.isSome(yield* choices.read)) return
      yield* choices.write({ backend, reason, since: yield* Clock.currentTimeMillis, migratingFrom: [] })
      yield* user.tell(
        `Sign-ins are kept in ${backendNames[backend]} from now on, because ${reason}. (mcp-cli storage shows this, mcp-cli storage move changes it.)`
      )
    }).pipe(Effect.withSpan("ChosenStorage.decide"))

    const inUse: Effect.Effect<StorageInUse, StorageError> = Effect.gen(function* () {
      const { backend } = settings
      const choice = Option.getOrUndefined(yield* choices.read)
      if (backend !== "auto") {
        return {
          backend,
          reason: "the configuration names it",
          since: undefined,
          isNamed: true,
          migratingFrom: choice?.backend === backend ? choice.migratingFrom : []
        }
      }
      return choice === undefined ? yield* foresee : { ...choice, isNamed: false }
    }).pipe(Effect.withSpan("ChosenStorage.inUse"))

    const first = yield* inUse
    if (first.isNamed) {
      const choice = yield* choices.read
      if (Option.exists(choice, ({ migratingFrom }) => migratingFrom.includes(first.backend))) {
        yield* user.tell(
          `warning: the configuration names ${backendNames[first.backend]}, and sign-ins were moved from there to ${Option.match(choice, { onNone: () => "", onSome: ({ backend }) => backendNames[backend] })}.`
        )
      }
    }
    let current: OpenStorage & { readonly backend: StorageBackend } = {
      backend: first.backend,
      ...(yield* backends.open(first.backend))
    }

    /** When the choice was last looked at, in milliseconds since the epoch. */
    let lookedAt = 0

    /** What counts now. */
    const now = Effect.gen(function* () {
      const { backend } = yield* inUse
      if (backend !== current.backend) current = { backend, ...(yield* backends.open(backend)) }
      lookedAt = yield* Clock.currentTimeMillis
      return current
    })

    /** What counted a moment ago: whoever reads many records need not look before each. */
    const recently = Effect.flatMap(Clock.currentTimeMillis, (time) =>
      time - lookedAt < moment ? Effect.succeed(current) : now
    )

    /** Copies that an interrupted move has left behind are forgotten with the sign-in itself. */
    const alsoLeaving = <A>(forget: (store: OpenStorage["store"]) => Effect.Effect<A, StorageError>) =>
      Effect.gen(function* () {
        for (const backend of (yield* inUse).migratingFrom)
          yield* forget((yield* backends.open(backend)).store)
      })

    const store = CredentialStore.of({
      get description() {
        return current.store.description
      },
      unlock: Effect.gen(function* () {
        yield* decide
        yield* (yield* now).store.unlock
      }),
      get: (key) =>
        Effect.gen(function* () {
          const before = yield* recently
          const found = yield* before.store.get(key)
          if (Option.isSome(found)) return found
          // It may have been moved away just now.
          const after = yield* now
          return after.backend === before.backend ? found : yield* after.store.get(key)
        }),
      put: (key, credential) =>
        Effect.gen(function* () {
          yield* decide
          const before = yield* now
          yield* before.store.put(key, credential)
          const after = yield* now
          if (after.backend === before.backend) return
          // Moved in between: what was written last has to be where it will be looked for.
          yield* after.store.put(key, credential)
          yield* before.store.remove(key)
        }),
      remove: (key) =>
        Effect.gen(function* () {
          yield* alsoLeaving((store) => store.remove(key))
          return yield* (yield* now).store.remove(key)
        }),
      clear: Effect.gen(function* () {
        yield* alsoLeaving((store) => store.clear)
        yield* (yield* now).store.clear
      }),
      list: Effect.flatMap(now, ({ store }) => store.list)
    })

    const locked = <A, E, R>(
      key: CredentialKey,
      purpose: LockPurpose,
      effect: Effect.Effect<A, E, R>
    ): Effect.Effect<A, E | LockError, R> =>
      Effect.gen(function* () {
        // A choice that cannot be read is said by the store: the lock holds where it held before.
        const before = yield* Effect.orElseSucceed(now, () => current)
        const inPlace = Effect.gen(function* () {
          const after = yield* Effect.orElseSucceed(now, () => before)
          return after.backend === before.backend ? Option.some(yield* effect) : Option.none<A>()
        })
        const result = yield* before.lock.withLock(key, purpose)(inPlace)
        return Option.isSome(result) ? result.value : yield* locked(key, purpose, effect)
      })

    const lock = CredentialLock.of({
      withLock: (key, purpose) => (effect) => locked(key, purpose, effect)
    })

    return Context.make(CredentialStore, store).pipe(
      Context.add(CredentialLock, lock),
      Context.add(ChosenStorage, { inUse })
    )
  })
)
