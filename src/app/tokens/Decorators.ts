import { Clock, Effect, type Scope } from "effect"
import { type Stale, usable } from "../../domain/TokenState.ts"
import { CredentialLock, type LockError } from "../../ports/CredentialLock.ts"
import type { StorageError } from "../../ports/CredentialStore.ts"
import { TokenPolicy } from "../../ports/TokenPolicy.ts"
import { Credentials } from "../credentials/Credentials.ts"
import { makeSingleFlight } from "./SingleFlight.ts"
import type { AccessTokenError, TokenQuery, TokenSource, Unusable } from "./TokenSource.ts"
import type { TokenStates } from "./TokenStates.ts"

/** A source with something around it. */
export type Decorator = <In, Left extends Unusable>(source: TokenSource<Left, In>) => TokenSource<Left, In>

/**
 * Concurrent callers of this process that need the same credential share one run of the source, for the request of the
 * first caller.
 */
export const oncePerProcess = <In, Left extends Unusable>(
  source: TokenSource<Left, In>
): Effect.Effect<TokenSource<Left, In>, never, Scope.Scope> =>
  Effect.map(
    makeSingleFlight<Effect.Success<ReturnType<typeof source>>, AccessTokenError>(),
    (flights) => (query, state) => flights.run(query.key.identity, source(query, state))
  )

/** One process at a time runs the source for a credential, under its refresh lock. */
export const makeOncePerMachine: Effect.Effect<Decorator, never, CredentialLock> = Effect.map(
  CredentialLock,
  (lock): Decorator =>
    (source) =>
    (query, state) =>
      Effect.flatMap(Clock.currentTimeMillis, (waitsSince) =>
        lock.withLock(query.key, "refresh")(source({ ...query, waitsSince }, state))
      )
)

/**
 * Before a refresh token is sent, makes sure that its answer can be stored and that the refresh lock still excludes other
 * processes. If not, fails with the error of the store or lock, and the refresh token stays unused.
 */
export const makeReadyToStore = Effect.gen(function* () {
  const credentials = yield* Credentials
  const lock = yield* CredentialLock

  return <Left extends Unusable, Failure>(
    source: TokenSource<Left, Stale, Failure>
  ): TokenSource<Left, Stale, Failure | StorageError | LockError> =>
    (query, stale) => {
      const { key } = query
      if (stale.renewal._tag !== "RefreshToken") return source(query, stale)
      return credentials
        .reserve(key, stale.credential)
        .pipe(
          Effect.andThen(lock.confirm?.(key, "refresh") ?? Effect.void),
          Effect.andThen(source(query, stale)),
          Effect.scoped
        )
    }
})

/**
 * While the store cannot be read or locked, serves the access token that was last read, however long ago, as long as it is
 * valid. Then fails with the error of the store or lock, and does not sign in.
 */
export const makeUnlessStorageFails = (states: TokenStates): Effect.Effect<Decorator, never, Credentials> =>
  Effect.gen(function* () {
    const credentials = yield* Credentials
    const { cooldown } = yield* TokenPolicy

    const serveLastRead = (query: TokenQuery) =>
      Effect.fnUntraced(function* (error: StorageError | LockError) {
        const lastRead = credentials.lastRead(query.server, query.key)
        const last = states.of(query, lastRead, yield* Clock.currentTimeMillis)
        if (last._tag === "Usable") return last
        if (last._tag !== "Stale" || !last.stillValid) return yield* error
        yield* states.coolDown(query.key, cooldown)
        yield* Effect.logDebug(`${error.message} The current access token is still valid and is used.`)
        return usable(last.tokens)
      })

    const decorate: Decorator = (source) => (query, state) => {
      const serve = serveLastRead(query)
      return Effect.catchTags(source(query, state), { StorageError: serve, LockError: serve })
    }
    return decorate
  })
