import { Clock, Context, Effect, FiberSet, Layer, Option } from "effect"
import type { ClientRegistration } from "../../domain/ClientRegistration.ts"
import { Credential } from "../../domain/Credential.ts"
import type { CredentialKey } from "../../domain/CredentialKey.ts"
import type { PendingSignIn } from "../../domain/PendingSignIn.ts"
import { type PendingSignInError, refusePending } from "../../domain/PendingSignInError.ts"
import { isSameIssuer } from "../../domain/Issuer.ts"
import type { RemoteServer } from "../../domain/Server.ts"
import type { TokenSet } from "../../domain/TokenSet.ts"
import { ClientRegistrar } from "../../ports/ClientRegistrar.ts"
import { CredentialLock, type LockError } from "../../ports/CredentialLock.ts"
import { CredentialStore, type StorageError } from "../../ports/CredentialStore.ts"
import { SignInPolicy } from "../../ports/SignInPolicy.ts"
import { TokenEndpoint } from "../../ports/TokenEndpoint.ts"
import { TokenPolicy } from "../../ports/TokenPolicy.ts"
import { Credentials } from "../credentials/Credentials.ts"
import { deregisterClient } from "./Deregistration.ts"
import { revocationOfReplaced, revokeTokens } from "./Revocation.ts"
import type { SignedIn } from "./SignInContext.ts"
import { makeUsedSignIns } from "./UsedSignIns.ts"

/** What a sign-in got from the token endpoint. */
export interface SignInResult {
  readonly registration: ClientRegistration
  readonly tokens: TokenSet
}

/** The credential to store, without its tokens, and its place. */
export interface Target {
  readonly server: RemoteServer
  readonly key: CredentialKey
  readonly draft: Credential
}

/** The next generation once a server has forgotten a dynamic client at `now`. Undefined: the record has no such client. */
const withoutClient = (stored: Credential, clientId: string, now: number): Credential | undefined => {
  const { registration, spareRegistration } = stored
  if (registration._tag === "Dynamic" && registration.clientId === clientId) {
    return stored.next({ registration: registration.forgotten(now) })
  }
  return spareRegistration?.clientId === clientId
    ? stored.next({ spareRegistration: spareRegistration.forgotten(now) })
    : undefined
}

/** Replaces stored credentials with the results of sign-ins, and revokes what they replace. */
export class CredentialReplacement extends Context.Service<
  CredentialReplacement,
  {
    /**
     * Replaces the stored credential with the result of a sign-in. The tokens exist already, so this does not fail: while
     * the store fails or is locked, they are held in memory, and stored later.
     */
    readonly replace: (target: Target, result: SignInResult) => Effect.Effect<SignedIn>
    /**
     * Runs the token request of a sign-in in two steps, once, and stores its result. The key's refresh lock is held from
     * the check of what the store remembers to the store, and the two cannot be interrupted apart.
     *
     * The store remembers sign-ins that led to tokens, for every process; this process remembers those that failed too.
     */
    readonly completeOnce: <E, R>(
      target: Target,
      pending: PendingSignIn,
      request: Effect.Effect<SignInResult, E, R>
    ) => Effect.Effect<SignedIn, E | PendingSignInError | StorageError | LockError, R>
    /**
     * Marks the client of a sign-in, which its server may have forgotten, so that no sign-in reuses it from the store. One
     * that no tokens belong to is deregistered too, best effort.
     */
    readonly retireClient: (target: Target) => Effect.Effect<void, StorageError | LockError>
    /** Stores the client that was registered for a sign-in that failed, so that the next one uses it. */
    readonly keepClient: (target: Target) => Effect.Effect<void, StorageError | LockError>
    /** Marks a sign-in in two steps as used without a token request, since its callback brought no code. */
    readonly discard: (pending: PendingSignIn) => Effect.Effect<void, PendingSignInError>
  }
>()("mcp-cli-oauth/app/signin/CredentialReplacement") {}

/** What a credential remembers of a sign-in in two steps that has completed. */
const usedBy = (pending: PendingSignIn | undefined) =>
  pending && { state: pending.state, until: pending.expiresAt }

/** Changes of the clients in stored credentials. The caller holds the key's refresh lock. */
const clientChanges = (credentials: Credentials["Service"]) => {
  /** True if no tokens belong to the client that was retired. */
  const retireClient = Effect.fn("CredentialReplacement.retireClient")(function* ({
    draft: { issuer, registration },
    key,
    server
  }: Target) {
    const stored = Option.getOrUndefined(yield* credentials.load(server, key))
    if (stored === undefined || !isSameIssuer(stored.issuer, issuer)) return false
    const retired = withoutClient(stored, registration.clientId, yield* Clock.currentTimeMillis)
    if (retired === undefined) return false
    yield* credentials.save(key, retired)
    return stored.tokens === undefined || stored.registration.clientId !== registration.clientId
  })

  const keepClient = Effect.fn("CredentialReplacement.keepClient")(function* ({
    draft,
    key,
    server
  }: Target) {
    const { registration } = draft
    if (registration._tag !== "Dynamic") return
    const stored = Option.getOrUndefined(yield* credentials.load(server, key))
    if (stored === undefined) yield* credentials.save(key, new Credential({ ...draft, isUnused: true }))
    else if (isSameIssuer(stored.issuer, draft.issuer)) {
      yield* credentials.save(key, stored.next({ spareRegistration: registration }))
    }
  })

  return { retireClient, keepClient }
}

/** @see CredentialReplacement */
export const layer: Layer.Layer<
  CredentialReplacement,
  never,
  ClientRegistrar | CredentialLock | CredentialStore | Credentials | TokenEndpoint
> = Layer.effect(
  CredentialReplacement,
  Effect.gen(function* () {
    const lock = yield* CredentialLock
    const store = yield* CredentialStore
    const credentials = yield* Credentials
    const tokenEndpoint = yield* TokenEndpoint
    const registrar = yield* ClientRegistrar
    const policy = yield* TokenPolicy
    const { revocationTimeout, revokesReplaced } = yield* SignInPolicy
    const { keepClient, retireClient } = clientChanges(credentials)
    const used = yield* makeUsedSignIns
    const revocations = yield* FiberSet.make<void>()
    // A command that ends right after the sign-in gives the revocation a moment.
    yield* Effect.addFinalizer(() =>
      FiberSet.awaitEmpty(revocations).pipe(Effect.timeoutOption(revocationTimeout))
    )

    const find = Effect.fnUntraced(function* (server: RemoteServer, key: CredentialKey) {
      const loaded = yield* credentials.load(server, key)
      // A credential of another configuration is never used, but its tokens live on until they are revoked.
      return Option.getOrUndefined(Option.isSome(loaded) ? loaded : yield* store.get(key))
    })

    /** Best effort, in the background. The store comes first: tokens that it still holds are not revoked. */
    const revokeReplaced = Effect.fn("CredentialReplacement.revokeReplaced")(
      function* (server: RemoteServer, key: CredentialKey, replaced: Credential, current: Credential) {
        const revocation = revocationOfReplaced(server, replaced, current, revokesReplaced)
        if (revocation === undefined) return
        const stored = Option.getOrUndefined(yield* store.get(key))
        if (stored?.tokens?.holds(revocation.tokens.accessToken) === true) return
        yield* revokeTokens(revocation).pipe(
          Effect.provideService(TokenEndpoint, tokenEndpoint),
          Effect.provideService(TokenPolicy, policy),
          Effect.ignore({ log: "Debug" })
        )
        if (replaced.registration.clientId === current.registration.clientId) return
        // Not a finalizer, which could not be interrupted: the process waits for `revocationTimeout` and no longer.
        yield* Effect.provideService(deregisterClient(replaced), ClientRegistrar, registrar)
      },
      Effect.ignore({ log: "Debug" })
    )

    const save = Effect.fnUntraced(function* (
      { draft, key, server }: Target,
      replaced: Credential | undefined,
      result: SignInResult,
      {
        isLast = true,
        pending
      }: { readonly pending?: PendingSignIn | undefined; readonly isLast?: boolean } = {}
    ) {
      const credential = draft.signedIn(replaced, result, usedBy(pending))
      // A holder of a newer lock would replace these tokens by a refresh of those that it has read.
      yield* lock.confirm?.(key, "refresh") ?? Effect.void
      const current = yield* credentials.save(key, credential, true)
      if (current !== credential) {
        // The lock was lost, and its next holder has stored another credential. Nothing will use the new tokens.
        if (isLast && current.tokens !== undefined) {
          yield* FiberSet.run(revocations, revokeReplaced(server, key, credential, current))
        }
        return { credential: current, tokens: current.tokens ?? result.tokens }
      }
      if (replaced !== undefined && revokesReplaced !== "never") {
        yield* FiberSet.run(revocations, revokeReplaced(server, key, replaced, credential))
      }
      const revocation = replaced && revocationOfReplaced(server, replaced, credential, revokesReplaced)
      return {
        credential,
        tokens: result.tokens,
        ...(replaced?.tokens?.refreshToken === undefined
          ? {}
          : { replaced: revocation === undefined ? ("kept valid" as const) : ("revoked" as const) })
      }
    })

    const replace = Effect.fn("CredentialReplacement.replace")(function* (
      target: Target,
      result: SignInResult,
      pending?: PendingSignIn
    ) {
      const { draft, key, server } = target
      const lastRead = Effect.sync(() => Option.getOrUndefined(credentials.lastRead(server, key)))
      const { tokens } = result
      const attempt = (isLast: boolean) =>
        find(server, key).pipe(
          Effect.catchTag("StorageError", () => lastRead),
          Effect.flatMap((replaced) => save(target, replaced, result, { isLast, pending })),
          lock.withLock(key, "refresh")
        )
      return yield* attempt(false).pipe(
        // The user has approved last, whatever another process stored when it took over a lock that was lost.
        Effect.flatMap((signedIn) => (signedIn.tokens === tokens ? Effect.succeed(signedIn) : attempt(true))),
        Effect.retry({ times: 1 }),
        Effect.catchTag("LockError", (error) =>
          Effect.gen(function* () {
            const credential = draft.signedIn(yield* lastRead, result, usedBy(pending))
            yield* credentials.saveLater(key, credential, error)
            return { credential, tokens }
          })
        )
      )
    }, Effect.uninterruptible)

    return CredentialReplacement.of({
      retireClient: (target) =>
        lock
          .withLock(
            target.key,
            "refresh"
          )(retireClient(target))
          .pipe(
            Effect.flatMap((isOrphan) => (isOrphan ? deregisterClient(target.draft) : Effect.void)),
            Effect.provideService(ClientRegistrar, registrar)
          ),
      keepClient: (target) => lock.withLock(target.key, "refresh")(keepClient(target)),
      discard: used.claim,
      replace,
      completeOnce: (target, pending, request) =>
        Effect.gen(function* () {
          const replaced = yield* find(target.server, target.key)
          if (replaced?.hasUsed(pending.state) === true) return yield* refusePending(pending, "already used")
          yield* used.claim(pending)
          const result = yield* request
          return yield* save(target, replaced, result, { pending }).pipe(
            // The lock was lost during the code exchange. It is taken again once it is given back.
            Effect.catchTag("LockError", () => Effect.succeed(result))
          )
        }).pipe(
          lock.withLock(target.key, "refresh"),
          Effect.flatMap((done) =>
            "credential" in done ? Effect.succeed(done) : replace(target, done, pending)
          ),
          Effect.uninterruptible
        )
    })
  })
)
