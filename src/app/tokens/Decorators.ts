import { Effect, type Scope } from "effect"
import { type TokenState, type Usable, usable } from "../../domain/TokenState.ts"
import { CredentialLock, type LockError } from "../../ports/CredentialLock.ts"
import type { StorageError } from "../../ports/CredentialStore.ts"
import { makeSingleFlight } from "./SingleFlight.ts"
import { TokenPolicy } from "../../ports/TokenPolicy.ts"
import type { AccessTokenError, TokenQuery, TokenSource } from "./TokenSource.ts"
import type { TokenStates } from "./TokenStates.ts"

/** A source with something around it. */
export type Decorator = <Out extends TokenState, In>(source: TokenSource<Out, In>) => TokenSource<Out, In>

/** Concurrent callers of this process that need the same credential share one run of the source. */
export const oncePerProcess = <Out extends TokenState, In>(
  source: TokenSource<Out, In>
): Effect.Effect<TokenSource<Out, In>, never, Scope.Scope> =>
  Effect.map(
    makeSingleFlight<Out, AccessTokenError>(),
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

/** While the store or its lock fails, serves the access token in memory as long as it is valid. */
export const makeUnlessStorageFails = (
  states: TokenStates,
  memory: TokenSource<TokenState, void>
): Effect.Effect<<In>(source: TokenSource<Usable, In>) => TokenSource<Usable, In>> =>
  Effect.map(TokenPolicy, ({ cooldown }) => {
    const serveFromMemory = (query: TokenQuery) =>
      Effect.fnUntraced(function* (error: StorageError | LockError) {
        const held = yield* memory(query)
        if (held._tag === "Usable") return held
        if (held._tag === "SignInNeeded" || !held.stillValid) return yield* error
        yield* states.coolDown(query.key, cooldown)
        yield* Effect.logDebug(`${error.message} The current access token is still valid and is used.`)
        return usable(held.tokens)
      })
    return <In>(source: TokenSource<Usable, In>): TokenSource<Usable, In> =>
      (query, state) => {
        const serve = serveFromMemory(query)
        return Effect.catchTags(source(query, state), { StorageError: serve, LockError: serve })
      }
  })
