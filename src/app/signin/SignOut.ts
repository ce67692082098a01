import { Clock, Context, Effect, Layer, Option } from "effect"
import { configuredRevocationEndpoint, type Credential, type OAuthClient } from "../../domain/Credential.ts"
import { CredentialKey } from "../../domain/CredentialKey.ts"
import { jwtExpiry } from "../../domain/JwtExpiry.ts"
import type { IsOwn } from "../../domain/OwnCredentials.ts"
import type { Remediable } from "../../domain/Remedy.ts"
import type { RemoteServer } from "../../domain/Server.ts"
import { ClientRejected, RevocationFailed } from "../../domain/SignInError.ts"
import { ClientRegistrar } from "../../ports/ClientRegistrar.ts"
import { CredentialLock, type LockError } from "../../ports/CredentialLock.ts"
import { CredentialStore, type StorageError } from "../../ports/CredentialStore.ts"
import type { TokenSet } from "../../domain/TokenSet.ts"
import { TokenEndpoint, type TokenRequestError } from "../../ports/TokenEndpoint.ts"
import { TokenPolicy } from "../../ports/TokenPolicy.ts"
import { Credentials } from "../credentials/Credentials.ts"
import { deregisterClient } from "./Deregistration.ts"
import { revokeTokens, type Unrevoked } from "./Revocation.ts"

/**
 * The result of a logout.
 *
 * - `Revoked`: the authorization server has revoked the tokens, and the credential is removed.
 * - `Refused`: the authorization server refused to revoke the token that gets others. The credential is removed.
 * - `NotOffered`: the credential is removed, but no revocation endpoint is known that may get the tokens. They stay valid
 *   until they expire.
 * - `Nothing`: there was no sign-in to this server. Records of other servers stay.
 */
export type LogoutResult =
  | {
      readonly _tag: "Revoked"
      readonly endpoint: URL
      /**
       * The access token may still be accepted until this time, in milliseconds since the epoch: its revocation was refused,
       * or it is a JWT, which servers check without its issuer.
       */
      readonly acceptedUntil?: number
    }
  | {
      readonly _tag: "Refused"
      /** What the server answered, as a sentence. */
      readonly answer: string
      /** When the access token expires, in milliseconds since the epoch. Absent: unknown. */
      readonly expiresAt: number | undefined
      /** The refresh token is not revoked. */
      readonly refreshable: boolean
    }
  | {
      readonly _tag: "NotOffered"
      readonly issuer: string
      /** When the access token expires, in milliseconds since the epoch. Absent: unknown. */
      readonly expiresAt: number | undefined
      /** There is a refresh token, which may stay valid for much longer. */
      readonly refreshable: boolean
      /** The endpoint of the configuration, which got no token: the sign-in is of another origin. */
      readonly refused?: URL
      /** The client authenticates with a secret of a configuration that is gone. Absent: no endpoint is known. */
      readonly lacksSecret?: true
    }
  | { readonly _tag: "Nothing" }

/** The result after the requests for revocation. */
const resultOf = (
  { accessToken, refreshToken }: Unrevoked,
  endpoint: URL,
  tokens: TokenSet,
  now: number
): LogoutResult => {
  const jwt = Option.getOrUndefined(jwtExpiry(tokens.accessToken))
  const expiresAt = jwt ?? tokens.expiryAt(now)
  const answer = refreshToken ?? (tokens.refreshToken === undefined ? accessToken : undefined)
  if (answer !== undefined) {
    return { _tag: "Refused", answer: answer.message, expiresAt, refreshable: refreshToken !== undefined }
  }
  const mayBeAccepted = (accessToken !== undefined || jwt !== undefined) && (expiresAt ?? 0) > now
  return {
    _tag: "Revoked",
    endpoint,
    ...(mayBeAccepted && expiresAt !== undefined ? { acceptedUntil: expiresAt } : {})
  }
}

/** Ends sign-ins: on this machine only, or at the authorization server as well. */
export class SignOut extends Context.Service<
  SignOut,
  {
    /**
     * Removes the credential of one account of a server. True if there was one. Needs no network and no password.
     *
     * @param resource the server that it is for. Absent: every credential that has the name of the server
     */
    readonly reset: (
      server: string,
      account?: string,
      resource?: string
    ) => Effect.Effect<boolean, StorageError | LockError>
    /**
     * Removes all credentials and the password of the store, and returns their keys. Needs no network and no password.
     *
     * @param isOwn removes these credentials only, and nothing else of the store
     */
    readonly resetAll: (
      isOwn?: IsOwn
    ) => Effect.Effect<ReadonlyArray<CredentialKey>, StorageError | LockError>
    /**
     * Revokes the tokens of one account of a server (RFC 7009), and then removes the credential. If the revocation fails
     * and may succeed later, the credential stays. A credential of another client, grant or endpoint than the configuration names now is revoked as
     * by `logoutStored`. An interruption between the two leaves revoked tokens, which the next logout, reset or use
     * removes.
     */
    readonly logout: (
      server: RemoteServer,
      account?: string
    ) => Effect.Effect<LogoutResult, StorageError | LockError | RevocationFailed>
    /**
     * As `logout`, for credentials that the configuration does not name (any more): revokes them at the endpoint that was
     * stored with them, as the client that was stored with them.
     *
     * @param resource the server that it is for. Absent: every credential that has the name of the server
     */
    readonly logoutStored: (
      server: string,
      account?: string,
      resource?: string
    ) => Effect.Effect<ReadonlyArray<LogoutResult>, StorageError | LockError | RevocationFailed>
  }
>()("mcp-cli-oauth/app/signin/SignOut") {}

const makeResetAll = (
  credentials: Credentials["Service"],
  store: CredentialStore["Service"],
  lock: CredentialLock["Service"]
): SignOut["Service"]["resetAll"] => {
  /** Removes the credential of a key, unless it is for another server than that of this configuration. */
  const forgetOwn = (isOwn: IsOwn) =>
    Effect.fnUntraced(function* (key: CredentialKey) {
      const found = yield* Effect.catchReason(
        store.get(key),
        "StorageError",
        "Corrupt",
        () => Effect.succeedNone
      )
      const isForeign = Option.exists(found, (credential) => !isOwn(key, credential))
      return !isForeign && (yield* credentials.forget(key))
    })

  return Effect.fn("SignOut.resetAll")(function* (isOwn?: IsOwn) {
    const keys = (yield* store.list).filter((key) => isOwn?.(key) ?? true)
    const forget = isOwn === undefined ? credentials.forget : forgetOwn(isOwn)
    const forgotten = yield* Effect.filter(keys, (key) => lock.withLock(key, "refresh")(forget(key)))
    if (isOwn === undefined) yield* store.clear
    return forgotten
  })
}

/** @see SignOut */
export const layer: Layer.Layer<
  SignOut,
  never,
  ClientRegistrar | CredentialLock | Credentials | CredentialStore | TokenEndpoint
> = Layer.effect(
  SignOut,
  Effect.gen(function* () {
    const credentials = yield* Credentials
    const store = yield* CredentialStore
    const lock = yield* CredentialLock
    const tokenEndpoint = yield* TokenEndpoint
    const registrar = yield* ClientRegistrar
    const policy = yield* TokenPolicy

    const forget = (key: CredentialKey) => lock.withLock(key, "refresh")(credentials.forget(key))

    /** The keys of a server and account: the one of a resource, or all of them. */
    const keysOf = Effect.fnUntraced(function* (server: string, account?: string, resource?: string) {
      const key = CredentialKey.of(server, account, resource)
      if (resource !== undefined) return [key]
      // A store that cannot list its records may still remove them.
      const listed = yield* Effect.orElseSucceed(store.list, () => [])
      const tagged = listed.filter((other) => other.tag !== undefined)
      return [key, ...tagged.filter((other) => other.isOfSameAccount(key))]
    })

    const reset = Effect.fn("SignOut.reset")(function* (server: string, account?: string, resource?: string) {
      const removed = yield* Effect.forEach(yield* keysOf(server, account, resource), forget)
      return removed.includes(true)
    })

    const resetAll = makeResetAll(credentials, store, lock)

    const deregister = (credential: Credential) =>
      Effect.provideService(deregisterClient(credential), ClientRegistrar, registrar)

    /**
     * Revokes the tokens of a credential, and forgets it.
     *
     * @param client absent: its secret is in a configuration that is gone
     */
    const revokeAndForget = Effect.fnUntraced(function* (
      key: CredentialKey,
      credential: Credential,
      tokens: TokenSet,
      endpoint: URL | undefined,
      client: OAuthClient | undefined,
      explain: (error: TokenRequestError) => Remediable
    ): Effect.fn.Return<LogoutResult, StorageError | LockError | RevocationFailed> {
      if (endpoint === undefined || client === undefined) {
        yield* credentials.forget(key)
        yield* deregister(credential)
        const expiresAt = tokens.expiryAt(yield* Clock.currentTimeMillis)
        return {
          _tag: "NotOffered",
          issuer: credential.issuer,
          expiresAt,
          refreshable: tokens.refreshToken !== undefined,
          ...(endpoint === undefined ? {} : { lacksSecret: true })
        }
      }
      const isDynamic = credential.registration._tag === "Dynamic"
      const unrevoked = yield* revokeTokens({
        server: key.server,
        revocationEndpoint: endpoint,
        client,
        isDynamic,
        tokens
      }).pipe(
        Effect.mapError((error) => {
          const { message, remedies } = explain(error)
          const { account, server } = key
          return new RevocationFailed({ server, account, detail: message, fixes: remedies })
        }),
        Effect.provideService(TokenEndpoint, tokenEndpoint),
        Effect.provideService(TokenPolicy, policy)
      )
      yield* credentials.forget(key)
      yield* deregister(credential)
      return resultOf(unrevoked, endpoint, tokens, yield* Clock.currentTimeMillis)
    })

    /** Revokes what is stored, whatever the configuration says. A store without places may hold another resource. */
    const logoutStoredUnderLock = Effect.fn("SignOut.logoutStoredUnderLock")(function* (
      key: CredentialKey
    ): Effect.fn.Return<LogoutResult, StorageError | LockError | RevocationFailed> {
      const credential = Option.getOrUndefined(yield* store.get(key))
      if (credential === undefined) return { _tag: "Nothing" }
      if (key.resource !== undefined && credential.resource !== key.resource) return { _tag: "Nothing" }
      if (credential.tokens === undefined) {
        yield* credentials.forget(key)
        return { _tag: "Nothing" }
      }
      const { clientOfRecord, revocationEndpoint, tokens } = credential
      const endpoint = revocationEndpoint === undefined ? undefined : new URL(revocationEndpoint)
      return yield* revokeAndForget(key, credential, tokens, endpoint, clientOfRecord, (error) => error)
    })

    const logoutUnderLock = Effect.fn("SignOut.logoutUnderLock")(function* (
      server: RemoteServer,
      key: CredentialKey
    ): Effect.fn.Return<LogoutResult, StorageError | LockError | RevocationFailed> {
      const credential = Option.getOrUndefined(yield* credentials.load(server, key))
      // The client and the endpoint of the configuration may belong to another provider by now.
      if (credential === undefined) return yield* logoutStoredUnderLock(key)
      if (credential.tokens === undefined) return { _tag: "Nothing" }
      const result = yield* revokeAndForget(
        key,
        credential,
        credential.tokens,
        credential.revocationEndpointAt(server),
        credential.clientAt(server),
        (error) =>
          (error.reason._tag === "InvalidClient"
            ? ClientRejected.of(server, credential.registration, error.reason)
            : undefined) ?? error
      )
      const refused = configuredRevocationEndpoint(server)
      const isRefused = result._tag === "NotOffered" && result.lacksSecret === undefined
      return isRefused && refused !== undefined ? { ...result, refused } : result
    })

    const logout = Effect.fn("SignOut.logout")((server: RemoteServer, account?: string) => {
      const key = CredentialKey.at(server, account)
      return lock.withLock(key, "refresh")(logoutUnderLock(server, key))
    })

    const logoutStored = Effect.fn("SignOut.logoutStored")(function* (
      server: string,
      account?: string,
      resource?: string
    ) {
      return yield* Effect.forEach(yield* keysOf(server, account, resource), (key) =>
        lock.withLock(key, "refresh")(logoutStoredUnderLock(key))
      )
    })

    return SignOut.of({ reset, resetAll, logout, logoutStored })
  })
)
