import { Effect, type Scope } from "effect"
import { usable } from "../../domain/TokenState.ts"
import { CredentialLock, type LockError } from "../../ports/CredentialLock.ts"
import type { StorageError } from "../../ports/CredentialStore.ts"
import { TokenPolicy } from "../../ports/TokenPolicy.ts"
import { makeSingleFlight } from "./SingleFlight.ts"
import type { AccessTokenError, TokenQuery, TokenSource, Unusable } from "./TokenSource.ts"
import type { TokenStates } from "./TokenStates.ts"

/** A source with something around it. */
export type Decorator = <In, Left extends Unusable>(source: TokenSource<Left, In>) => TokenSource<Left, In>

/** Concurrent callers of this process that need the same credential share one run of the source. */
export const oncePerProcess = <In, Left extends Unusable>(
  source: TokenSource<Left, In>
): Effect.Effect<TokenSource<Left, In>, never, Scope.Scope> =>
  Effect.map(
    makeSingleFlight<Effect.Success<ReturnType<typeof source>>, AccessTokenError>(),
    (flights) => (query, state) => flights.run(query.key.storageName, source(query, state))
  )

/** One process of this machine at a time runs the source for a credential. */
export const makeOncePerMachine: Effect.Effect<Decorator, never, CredentialLock> = Effect.map(
  CredentialLock,
  (lock): Decorator =>
    (source) =>
    (query, state) =>
      lock.withLock(query.key, "refresh")(source(query, state))
)

/** While the store or its lock fails, serves the access token that was last read as long as it is valid. */
export const makeUnlessStorageFails = (
  states: TokenStates,
  lastRead: TokenSource<Unusable>
): Effect.Effect<Decorator> =>
  Effect.map(TokenPolicy, ({ cooldown }): Decorator => {
    const serveLastRead = (query: TokenQuery) =>
      Effect.fnUntraced(function* (error: StorageError | LockError) {
        const last = yield* lastRead(query, undefined)
        if (last._tag === "Usable") return last
        if (last._tag === "SignInNeeded" || !last.stillValid) return yield* error
        yield* states.coolDown(query.key, cooldown)
        yield* Effect.logDebug(`${error.message} The current access token is still valid and is used.`)
        return usable(last.tokens)
      })
    return (source) => (query, state) => {
      const serve = serveLastRead(query)
      return Effect.catchTags(source(query, state), { StorageError: serve, LockError: serve })
    }
  })
