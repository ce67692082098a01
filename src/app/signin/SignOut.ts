import { Clock, Context, Effect, Layer, Option } from "effect"
import type { Credential } from "../../domain/Credential.ts"
import { CredentialKey } from "../../domain/CredentialKey.ts"
import type { RemoteServer } from "../../domain/Server.ts"
import { ClientRejected, RevocationFailed } from "../../domain/SignInError.ts"
import { ClientRegistrar } from "../../ports/ClientRegistrar.ts"
import { CredentialLock, type LockError } from "../../ports/CredentialLock.ts"
import { CredentialStore, type StorageError } from "../../ports/CredentialStore.ts"
import { TokenEndpoint, type TokenRequestError } from "../../ports/TokenEndpoint.ts"
import { TokenPolicy } from "../../ports/TokenPolicy.ts"
import { Credentials } from "../credentials/Credentials.ts"
import { deregisterClient } from "./Deregistration.ts"
import { revokeTokens } from "./Revocation.ts"

/**
 * The result of a logout.
 *
 * - `Revoked`: the authorization server has revoked the tokens, and the credential is removed.
 * - `NotOffered`: the credential is removed, but no revocation endpoint is known. The tokens stay valid until they expire.
 * - `Nothing`: there was no sign-in to this server as it is configured now. Records of other configurations stay.
 */
export type LogoutResult =
  | { readonly _tag: "Revoked"; readonly endpoint: URL }
  | {
      readonly _tag: "NotOffered"
      readonly issuer: string
      /** When the access token expires, in milliseconds since the epoch. Absent: unknown. */
      readonly expiresAt: number | undefined
      /** There is a refresh token, which may stay valid for much longer. */
      readonly refreshable: boolean
    }
  | { readonly _tag: "Nothing" }

/** Ends sign-ins: on this machine only, or at the authorization server as well. */
export class SignOut extends Context.Service<
  SignOut,
  {
    /** Removes the credential of one account of a server. True if there was one. Needs no network and no password. */
    readonly reset: (server: string, account?: string) => Effect.Effect<boolean, StorageError | LockError>
    /** Removes all credentials and the password of the store, and returns their keys. Needs no network and no password. */
    readonly resetAll: Effect.Effect<ReadonlyArray<CredentialKey>, StorageError | LockError>
    /**
     * Revokes the tokens of one account of a server (RFC 7009), and then removes the credential. If the revocation fails,
     * the credential stays. An interruption between the two leaves revoked tokens, which the next logout, reset or use
     * removes.
     */
    readonly logout: (
      server: RemoteServer,
      account?: string
    ) => Effect.Effect<LogoutResult, StorageError | LockError | RevocationFailed>
  }
>()("mcp-cli-oauth/app/signin/SignOut") {}

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

    const reset = Effect.fn("SignOut.reset")((server: string, account?: string) =>
      forget(CredentialKey.of(server, account))
    )

    const resetAll = Effect.gen(function* () {
      const forgotten = yield* Effect.filter(yield* store.list, forget)
      yield* store.clear
      return forgotten
    }).pipe(Effect.withSpan("SignOut.resetAll"))

    const deregister = (credential: Credential) =>
      Effect.provideService(deregisterClient(credential), ClientRegistrar, registrar)

    const logoutUnderLock = Effect.fn("SignOut.logoutUnderLock")(function* (
      server: RemoteServer,
      key: CredentialKey
    ): Effect.fn.Return<LogoutResult, StorageError | RevocationFailed> {
      const credential = Option.getOrUndefined(yield* credentials.load(server, key))
      const tokens = credential?.tokens
      if (credential === undefined || tokens === undefined) return { _tag: "Nothing" }
      const endpoint = credential.revocationEndpointAt(server)
      if (endpoint === undefined) {
        yield* credentials.forget(key)
        yield* deregister(credential)
        const expiresAt = tokens.expiryAt(yield* Clock.currentTimeMillis)
        return {
          _tag: "NotOffered",
          issuer: credential.issuer,
          expiresAt,
          refreshable: tokens.refreshToken !== undefined
        }
      }
      const failed = (error: TokenRequestError) => {
        const isRejected = error.reason._tag === "InvalidClient"
        const rejected = isRejected ? ClientRejected.of(server, credential.registration) : undefined
        const { message, remedies } = rejected ?? error
        return new RevocationFailed({
          server: server.name,
          account: key.account,
          detail: message,
          fixes: remedies
        })
      }
      yield* revokeTokens({
        server: server.name,
        revocationEndpoint: endpoint,
        client: credential.clientAt(server),
        tokens
      }).pipe(
        Effect.mapError(failed),
        Effect.provideService(TokenEndpoint, tokenEndpoint),
        Effect.provideService(TokenPolicy, policy)
      )
      yield* credentials.forget(key)
      yield* deregister(credential)
      return { _tag: "Revoked", endpoint }
    })

    const logout = Effect.fn("SignOut.logout")((server: RemoteServer, account?: string) => {
      const key = CredentialKey.of(server.name, account)
      return lock.withLock(key, "refresh")(logoutUnderLock(server, key))
    })

    return SignOut.of({ reset, resetAll, logout })
  })
)
