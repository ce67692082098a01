import { Clock, Context, Effect, Layer, Option, Redacted } from "effect"
import { authenticationMethods } from "../../domain/ClientAuthentication.ts"
import {
  type ClientRegistration,
  ConfiguredRegistration,
  DynamicRegistration,
  MetadataDocument
} from "../../domain/ClientRegistration.ts"
import type { Credential } from "../../domain/Credential.ts"
import type { CredentialKey } from "../../domain/CredentialKey.ts"
import type { ForeignSignIn, ForeignTokens } from "../../domain/foreign-tokens/ForeignSignIn.ts"
import { isSameIssuer } from "../../domain/Issuer.ts"
import { printable } from "../../domain/PrintableText.ts"
import { hasOwnAuthorization, needsUser, type RemoteServer } from "../../domain/Server.ts"
import { loopbackRedirectProblem } from "../../domain/ServerRules.ts"
import { isAccessToken, TokenSet } from "../../domain/TokenSet.ts"
import { CredentialLock, type LockError } from "../../ports/CredentialLock.ts"
import { CredentialStore, type StorageError } from "../../ports/CredentialStore.ts"
import { Discovery } from "../../ports/Discovery.ts"
import {
  resolvedByDiscovery,
  resolvedByHand,
  type ResolvedAuthorizationServer
} from "./ResolvedAuthorizationServer.ts"
import { fixedRegistration } from "./SignInClient.ts"
import { draftCredential } from "./SignInContext.ts"

/** What became of a sign-in of another program. */
export type ImportOutcome =
  | {
      readonly _tag: "Taken"
      readonly credential: Credential
      /** The refresh token came along: the other program must not use it any more. */
      readonly hasRefreshToken: boolean
      /** When the access token expires, in milliseconds since the epoch. Absent: unknown, or it has expired. */
      readonly expiresAt: number | undefined
    }
  /** The same tokens are stored here. */
  | { readonly _tag: "Unchanged" }
  | {
      readonly _tag: "Skipped"
      /** Completes "it ...". */
      readonly reason: string
      /** Taking over the refresh token would help. */
      readonly needsRefreshToken?: true
    }

const skipped = (reason: string) => ({ _tag: "Skipped" as const, reason })

/** Takes sign-ins of other programs over. */
export class ImportedSignIns extends Context.Service<
  ImportedSignIns,
  {
    /**
     * Stores the tokens of another program as a sign-in of this one.
     *
     * **Details**
     *
     * They are bound to the authorization server that the MCP server names now, and not taken if they name another one. A refresh
     * token is taken only on request: a server that rotates it ends both sign-ins once two programs use it. A sign-in that works
     * here is never replaced.
     *
     * @param options.takeOver takes the refresh token too
     * @param options.dryRun nothing is stored
     */
    readonly take: (
      server: RemoteServer,
      key: CredentialKey,
      signIn: ForeignSignIn,
      options: { readonly takeOver: boolean; readonly dryRun: boolean }
    ) => Effect.Effect<ImportOutcome, StorageError | LockError>
  }
>()("mcp-cli-oauth/app/signin/ImportedSignIns") {}

/** The redirect URI of a client, if a sign-in of this program can listen there. */
const usableRedirect = (text: string | undefined): string | undefined => {
  const address = URL.parse(text ?? "")
  return address === null || address.port === "" || loopbackRedirectProblem(address) !== undefined
    ? undefined
    : address.href
}

/** The tokens to store. Undefined: none of them would work. */
const usableTokens = (
  { accessToken, expiresAt, refreshToken, scope }: ForeignTokens,
  now: number,
  takeOver: boolean
): TokenSet | undefined => {
  // Without a known end, a program that can refresh may have let it expire long ago.
  const end = expiresAt ?? (refreshToken === undefined ? undefined : now)
  const hasExpired = end !== undefined && end <= now
  const taken = takeOver ? refreshToken : undefined
  if (hasExpired && taken === undefined) return undefined
  return new TokenSet({
    accessToken,
    tokenType: "Bearer",
    obtainedAt: now,
    ...(end === undefined ? {} : { expiresAt: end }),
    ...(taken === undefined ? {} : { refreshToken: taken }),
    ...(scope === undefined ? {} : { scope })
  })
}

/** What is decided without the network, by what is stored here. Undefined: the tokens may be taken. */
const decisionBy = (
  stored: Credential | undefined,
  server: RemoteServer,
  { accessToken, refreshToken }: ForeignTokens,
  now: number,
  takeOver: boolean
): ImportOutcome | undefined => {
  const own = stored?.tokens
  if (stored === undefined || own === undefined) return undefined
  const lacksRefreshToken = takeOver && refreshToken !== undefined && own.refreshToken === undefined
  if (own.holds(accessToken)) return lacksRefreshToken ? undefined : { _tag: "Unchanged" }
  if (!stored.isFor(server)) return skipped("would replace a sign-in that is stored for other settings")
  const works = !own.isExpired(now) || own.refreshToken !== undefined || stored.grant !== undefined
  return works ? skipped("would replace a sign-in that works here") : undefined
}

/** Why the tokens are not for this authorization server. Undefined: nothing says so. */
const mismatch = (
  { issuer, tokenEndpoint }: ForeignSignIn,
  found: ResolvedAuthorizationServer
): string | undefined => {
  const named = found.metadata?.issuer ?? found.responseIssuer
  if (issuer !== undefined && issuer !== "" && named !== undefined && !isSameIssuer(issuer, named)) {
    return `was issued by ${printable(issuer)}, and the server now names ${printable(named)}`
  }
  const endpoint = tokenEndpoint === undefined ? undefined : URL.parse(tokenEndpoint)
  if (endpoint === null || (endpoint !== undefined && endpoint.href !== found.tokenEndpoint.href)) {
    return `was issued at another token endpoint than ${printable(found.tokenEndpoint.href)}`
  }
  return found.dpopRequired ? "is not bound to a key, which the server requires" : undefined
}

/**
 * The client of the tokens as this program stores it, or why it cannot be used. Without a redirect URI it serves for refreshes, and
 * the next sign-in registers another one.
 */
const registrationOf = (
  server: RemoteServer,
  found: ResolvedAuthorizationServer,
  client: ForeignSignIn["client"],
  now: number
): ClientRegistration | string => {
  const fixed = fixedRegistration(server, found)
  if (client === undefined) return "does not say which client it belongs to"
  const { clientId, clientSecret, redirectUri, secretExpiresAt, tokenEndpointAuthMethod } = client
  if (fixed instanceof ConfiguredRegistration || fixed instanceof MetadataDocument) {
    return fixed.clientId === clientId
      ? fixed
      : `belongs to the client ${printable(clientId)}, and the configuration names another one`
  }
  const hasSecret = clientSecret !== undefined
  const known = ["client_secret_basic", "client_secret_post", "none"] as const
  const [authenticationMethod] = authenticationMethods({
    hasSecret,
    decided: undefined,
    preferred: hasSecret ? known.find((method) => method === tokenEndpointAuthMethod) : undefined,
    supported: found.authMethodsSupported
  })
  const redirect = usableRedirect(redirectUri)
  const registration = new DynamicRegistration({
    clientId,
    authenticationMethod,
    redirectUri: redirect ?? server.oauth.redirectUri.href,
    ...(hasSecret ? { clientSecret } : {}),
    ...(secretExpiresAt === undefined ? {} : { secretExpiresAt })
  })
  return redirect === undefined ? registration.forgotten(now) : registration
}

/** What is wrong with the tokens themselves. */
const tokenProblem = (signIn: ForeignSignIn): string | undefined => {
  if (signIn.tokens === undefined) return "has no tokens"
  const { accessToken, refreshToken } = signIn.tokens
  const isWellFormed = [accessToken, refreshToken].every(
    (token) => token === undefined || isAccessToken(Redacted.value(token))
  )
  return isWellFormed ? undefined : "has tokens that are no tokens of OAuth"
}

/** @see ImportedSignIns */
export const layer: Layer.Layer<ImportedSignIns, never, CredentialLock | CredentialStore | Discovery> =
  Layer.effect(
    ImportedSignIns,
    Effect.gen(function* () {
      const store = yield* CredentialStore
      const lock = yield* CredentialLock
      const discovery = yield* Discovery

      const resolve = (server: RemoteServer) =>
        server.oauth.source._tag === "ByHand"
          ? Effect.succeed(resolvedByHand(server, server.oauth.source))
          : Effect.map(discovery.discover(server, undefined), (found) => resolvedByDiscovery(server, found))

      const take = Effect.fn("ImportedSignIns.take")(function* (
        server: RemoteServer,
        key: CredentialKey,
        signIn: ForeignSignIn,
        { dryRun, takeOver }: { readonly takeOver: boolean; readonly dryRun: boolean }
      ): Effect.fn.Return<ImportOutcome, StorageError | LockError> {
        if (hasOwnAuthorization(server))
          return skipped("would not be used: the entry has an Authorization header")
        if (!needsUser(server)) return skipped("would not be used: the configured grant needs no user")
        const problem = tokenProblem(signIn)
        const { tokens } = signIn
        if (problem !== undefined || tokens === undefined) return skipped(problem ?? "has no tokens")
        const now = yield* Clock.currentTimeMillis
        const usable = usableTokens(tokens, now, takeOver)
        const stored = Effect.map(store.get(key), Option.getOrUndefined)
        const before = decisionBy(yield* stored, server, tokens, now, takeOver)
        if (before !== undefined) return before
        if (usable === undefined) {
          const isExpired = skipped(
            tokens.expiresAt === undefined
              ? "does not say when its access token expires"
              : "has an access token that has expired"
          )
          return tokens.refreshToken === undefined ? isExpired : { ...isExpired, needsRefreshToken: true }
        }
        const resolved = yield* Effect.result(resolve(server))
        if (resolved._tag === "Failure") {
          return skipped(`cannot be bound to an authorization server now: ${resolved.failure.message}`)
        }
        const found = resolved.success
        const other = mismatch(signIn, found)
        if (other !== undefined) return skipped(other)
        const registration = registrationOf(server, found, signIn.client, now)
        if (typeof registration === "string") return skipped(registration)
        if (!dryRun) yield* store.unlock
        const step = Effect.gen(function* () {
          const current = yield* stored
          const decision = decisionBy(current, server, tokens, now, takeOver)
          if (decision !== undefined) return decision
          const context = { server, key, authorizationServer: found, known: undefined }
          const credential = draftCredential(context, registration).signedIn(current, {
            registration,
            tokens: usable
          })
          if (!dryRun) {
            yield* lock.confirm?.(key, "refresh") ?? Effect.void
            yield* store.put(key, credential)
          }
          return {
            _tag: "Taken" as const,
            credential,
            hasRefreshToken: usable.refreshToken !== undefined,
            expiresAt: usable.isExpired(now) ? undefined : usable.expiresAt
          }
        })
        return yield* lock.withLock(key, "refresh")(Effect.uninterruptible(step))
      })

      return ImportedSignIns.of({ take })
    })
  )
