import { Clock, Context, Effect, Equal, Layer, Option, type Redacted, Result } from "effect"
import { type BearerChallenge, missingScopes } from "../domain/Challenge.ts"
import type { Credential } from "../domain/Credential.ts"
import { CredentialKey } from "../domain/CredentialKey.ts"
import { type HttpServer, isMachineGrant, type MachineGrant } from "../domain/Server.ts"
import { ClientRejected, DpopUnsupported, ScopeRequired, SignInRequired } from "../domain/SignInError.ts"
import { scopesOf, type TokenSet } from "../domain/TokenSet.ts"
import { CredentialLock, type LockError } from "../ports/CredentialLock.ts"
import type { StorageError } from "../ports/CredentialStore.ts"
import { Discovery } from "../ports/Discovery.ts"
import { DpopProofs } from "../ports/DpopProofs.ts"
import { Person } from "../ports/Person.ts"
import { TokenEndpoint, type TokenRequestError } from "../ports/TokenEndpoint.ts"
import { firstAccepted } from "./ClientAttempts.ts"
import { Credentials } from "./Credentials.ts"
import { machineTokens } from "./MachineTokens.ts"
import { SignIn, type SignInError } from "./SignIn.ts"
import { makeSingleFlight } from "./SingleFlight.ts"
import { retryPassing } from "./TokenRetry.ts"

/** Every way in which there can be no access token. */
export type AccessTokenError = SignInError | SignInRequired | ScopeRequired

/** Whom a token is for, and what the server has said so far. */
export interface AccessTokenRequest {
  readonly server: HttpServer
  /** Absent: the default account. */
  readonly account?: string | undefined
  /**
   * The challenge of the 401 that made this request necessary: what is kept is used only if the server still names the
   * same authorization server.
   */
  readonly challenge?: BearerChallenge | undefined
}

/**
 * Access tokens that work, by the shortest way there is: memory, the store, a refresh shared with every fiber and
 * every process, and only then a person at a browser.
 */
export class AccessTokens extends Context.Service<
  AccessTokens,
  {
    /** A token that is fresh, or at least has not ended while the authorization server is away. */
    readonly get: (request: AccessTokenRequest) => Effect.Effect<TokenSet, AccessTokenError>
    /**
     * As `get`, where somebody has signed in, or the configuration says that somebody must; else none: a server
     * that is known by its URL alone may not want a token at all.
     */
    readonly getIfKnown: (
      request: AccessTokenRequest
    ) => Effect.Effect<Option.Option<TokenSet>, AccessTokenError>
    /** Says that a server answered 401 to this token: it, and no newer one, is not handed out again. */
    readonly reject: (request: AccessTokenRequest, accessToken: Redacted.Redacted) => Effect.Effect<void>
    /**
     * A token with the scopes that the challenge of a 403 names, by a sign-in for them and all scopes of before (MCP
     * "Step-Up Authorization Flow"). None where there is nothing to gain: the token that was sent has these scopes.
     *
     * @param sent the access token that the 403 was for
     */
    readonly stepUp: (
      request: AccessTokenRequest,
      sent: Redacted.Redacted
    ) => Effect.Effect<Option.Option<TokenSet>, AccessTokenError>
  }
>()("mcp-cli-oauth/app/AccessTokens") {}

/** How long a refresh that failed in passing is not tried again while the token at hand still works, in milliseconds. */
const rest = 30_000

/** Whether the configuration says how tokens are come by without a person. */
const needsNobody = ({ oauth: { grant } }: HttpServer): boolean =>
  grant !== undefined && isMachineGrant(grant)

/** How tokens are renewed without a person. */
type Renewal =
  | { readonly _tag: "RefreshToken"; readonly refreshToken: Redacted.Redacted }
  | { readonly _tag: "Grant"; readonly grant: MachineGrant }

const renewalOf = (
  credential: Credential,
  { refreshToken }: TokenSet,
  server: HttpServer
): Renewal | undefined => {
  if (refreshToken !== undefined) return { _tag: "RefreshToken", refreshToken }
  const grant = credential.machineGrantAt(server)
  return grant && { _tag: "Grant", grant }
}

/** What can be done with a credential as it is. */
type Assessment =
  | { readonly _tag: "Use"; readonly tokens: TokenSet }
  | {
      readonly _tag: "Refresh"
      readonly credential: Credential
      readonly tokens: TokenSet
      readonly by: Renewal
      /** The token at hand still works for a while. */
      readonly works: boolean
    }
  | { readonly _tag: "AskPerson"; readonly why: SignInRequired["why"] }

/** @see AccessTokens */
export const layer: Layer.Layer<
  AccessTokens,
  never,
  CredentialLock | Credentials | Discovery | DpopProofs | Person | SignIn | TokenEndpoint
> = Layer.effect(
  AccessTokens,
  Effect.gen(function* () {
    const lock = yield* CredentialLock
    const credentials = yield* Credentials
    const discovery = yield* Discovery
    const dpopProofs = yield* DpopProofs
    const person = yield* Person
    const signIn = yield* SignIn
    const tokenEndpoint = yield* TokenEndpoint
    const flights = yield* makeSingleFlight<TokenSet, AccessTokenError>()
    const stepUps = yield* makeSingleFlight<Option.Option<TokenSet>, AccessTokenError>()
    const rejected = new Map<string, Redacted.Redacted>()
    const restingUntil = new Map<string, number>()

    const assess = (
      server: HttpServer,
      key: CredentialKey,
      found: Option.Option<Credential>,
      now: number
    ): Assessment => {
      if (Option.isNone(found)) return { _tag: "AskPerson", why: "never signed in" }
      const credential = found.value
      const { tokens } = credential
      if (tokens === undefined) return { _tag: "AskPerson", why: "revoked" }
      const refused = rejected.get(key.storageName)
      const works = !tokens.isExpired(now) && (refused === undefined || !tokens.holds(refused))
      const resting = now < (restingUntil.get(key.storageName) ?? 0)
      const by = renewalOf(credential, tokens, server)
      if (works && (tokens.isFresh(now) || resting || by === undefined)) return { _tag: "Use", tokens }
      return by === undefined
        ? { _tag: "AskPerson", why: "expired" }
        : { _tag: "Refresh", credential, tokens, by, works }
    }

    const load = Effect.fn("AccessTokens.load")(function* (
      { server }: AccessTokenRequest,
      key: CredentialKey
    ) {
      const found = yield* credentials.load(server, key)
      return assess(server, key, found, yield* Clock.currentTimeMillis)
    })

    /**
     * The issuer that the server names now, where it has just refused a token and so may have changed it. None where
     * that cannot be found out: tokens go to the issuer that they are from in any case.
     */
    const issuerNow = Effect.fn("AccessTokens.issuerNow")(function* ({
      challenge,
      server
    }: AccessTokenRequest) {
      if (challenge === undefined || server.oauth.source._tag === "ByHand") return Option.none<string>()
      return yield* discovery.discover(server, challenge).pipe(
        Effect.map(({ metadata }) => metadata.issuer),
        Effect.tapError((error) => Effect.logDebug(`${error.message} The stored sign-in is tried.`)),
        Effect.option
      )
    })

    /** A key to bind tokens to that were none's so far, where the authorization server binds any (RFC 9449 §5.1). */
    const firstKey = Effect.fn("AccessTokens.firstKey")(function* (
      server: HttpServer,
      challenge: BearerChallenge | undefined
    ) {
      if (server.oauth.source._tag !== "ByHand") {
        const found = yield* Effect.option(discovery.discover(server, challenge))
        // What cannot be found out now is no reason to send nothing.
        if (Option.isSome(found)) {
          const { issuer, dpop_signing_alg_values_supported: algorithms } = found.value.metadata
          if (algorithms?.includes("ES256") !== true) {
            const required = server.oauth.dpop === undefined
            return yield* new DpopUnsupported({ server: server.name, issuer, required })
          }
        }
      }
      return yield* dpopProofs.makeKey
    })

    /** Asks the token endpoint once, and keeps the answer. The two cannot be interrupted apart. */
    const refreshOnce = Effect.fn("AccessTokens.refreshOnce")(function* (
      { challenge, server }: AccessTokenRequest,
      key: CredentialKey,
      { by, credential, tokens }: Extract<Assessment, { readonly _tag: "Refresh" }>
    ) {
      const client = credential.clientAt(server)
      const { clientId, clientSecret, methods, signing } = client
      // Servers that begin to take bound tokens only, and a configuration that begins to ask for them, need no new sign-in.
      const isBound = server.oauth.dpop ?? challenge?.dpop === true
      const dpopKey =
        tokens.dpopKey ?? (isBound ? yield* Effect.interruptible(firstKey(server, challenge)) : undefined)
      const common = {
        tokenEndpoint: new URL(credential.tokenEndpoint),
        resource: credential.resourceParameter,
        dpopKey
      }
      const asking =
        by._tag === "Grant"
          ? machineTokens(tokenEndpoint, {
              ...common,
              server,
              grant: by.grant,
              issuer: credential.issuer,
              client,
              scopes: credential.scopesAt(server)
            })
          : firstAccepted(methods, (authenticationMethod) =>
              tokenEndpoint.refresh({
                ...common,
                server: server.name,
                client: { clientId, clientSecret, signing, authenticationMethod },
                refreshToken: by.refreshToken
              })
            )
      const { answer } = yield* asking.pipe(
        // Whatever is thrown away, the refresh token has been replaced (RFC 6749 §6).
        Effect.tapError(({ reason }) =>
          reason._tag === "NotBound" && reason.refreshToken !== undefined
            ? credentials.keep(key, credential.next({ tokens: tokens.withRefreshToken(reason.refreshToken) }))
            : Effect.void
        )
      )
      const refreshed = tokens.refreshedBy(answer)
      const requested = by._tag === "Grant" ? { requestedScopes: credential.scopesAt(server) } : {}
      // What the answer says is what is granted now, and it may be less than before (RFC 6749 §6).
      const granted = answer.scope === undefined ? {} : { grantedScopes: scopesOf(answer.scope) }
      const { tokens: kept } = yield* credentials.keep(
        key,
        credential.next({ tokens: refreshed, ...requested, ...granted })
      )
      return kept ?? refreshed
    }, Effect.uninterruptible)

    /** The token endpoint that the same issuer names now, where that is another than at the sign-in (RFC 8414 §3). */
    const otherEndpoint = Effect.fn("AccessTokens.otherEndpoint")(function* (
      { challenge, server }: AccessTokenRequest,
      { issuer, tokenEndpoint: before }: Credential
    ) {
      if (server.oauth.source._tag === "ByHand") return Option.none<string>()
      return yield* discovery
        .discover(server, challenge)
        .pipe(
          Effect.option,
          Effect.map(Option.filter(({ metadata }) => metadata.issuer === issuer)),
          Effect.map(Option.map(({ metadata }) => metadata.token_endpoint)),
          Effect.map(Option.filter((now) => now !== before))
        )
    })

    /** As `refreshOnce`; once more where what answers is no token endpoint (any more), and there is another. */
    const refreshWhereItIs = (
      request: AccessTokenRequest,
      key: CredentialKey,
      assessment: Extract<Assessment, { readonly _tag: "Refresh" }>
    ) =>
      refreshOnce(request, key, assessment).pipe(
        Effect.catchTag("TokenRequestError", (error) =>
          error.reason._tag !== "Malformed"
            ? Effect.fail(error)
            : Effect.flatMap(
                otherEndpoint(request, assessment.credential),
                Option.match({
                  onNone: () => Effect.fail(error),
                  onSome: (endpoint) =>
                    refreshOnce(request, key, {
                      ...assessment,
                      credential: assessment.credential.at(endpoint)
                    })
                })
              )
        )
      )

    /**
     * The transaction that all processes share, under the lock: what a winner left is adopted, else the refresh token
     * is used. A final refusal is believed only once the store, read again, shows that nobody has rotated the token
     * meanwhile (a program that does not know the lock).
     */
    const refreshInTurn = Effect.fn("AccessTokens.refreshInTurn")(function* (
      request: AccessTokenRequest,
      key: CredentialKey,
      issuer: Option.Option<string>,
      refused?: Redacted.Redacted
    ): Effect.fn.Return<
      Exclude<Assessment, { readonly _tag: "Refresh" }>,
      StorageError | TokenRequestError | ClientRejected | DpopUnsupported
    > {
      const { server } = request
      const assessment = yield* load(request, key)
      if (assessment._tag !== "Refresh") return assessment
      const { by, credential, tokens, works } = assessment
      const refreshToken = by._tag === "RefreshToken" ? by.refreshToken : undefined
      if (Option.isSome(issuer) && issuer.value !== credential.issuer) {
        return { _tag: "AskPerson", why: "moved" }
      }
      const revoked: Assessment = { _tag: "AskPerson", why: "revoked" }
      if (refreshToken !== undefined && refused !== undefined && Equal.equals(refused, refreshToken)) {
        if (!works) {
          yield* credentials.keep(key, credential.withoutTokens)
          return revoked
        }
        yield* credentials.keep(key, credential.next({ tokens: tokens.withRefreshToken(undefined) }))
        return { _tag: "Use", tokens }
      }
      const attempt = refreshWhereItIs(request, key, assessment)
      // While the token at hand works nobody needs to wait for an authorization server that is away.
      const answer = yield* Effect.result(works ? attempt : retryPassing(attempt))
      if (Result.isSuccess(answer)) return { _tag: "Use", tokens: answer.success }
      const error = answer.failure
      const reason = error._tag === "DpopUnsupported" ? undefined : error.reason
      if (reason?._tag === "InvalidGrant" && refreshToken !== undefined) {
        return yield* refreshInTurn(request, key, issuer, refreshToken)
      }
      // A sign-in may be over, but what works must not end before its time.
      if (works) {
        const wait = reason?._tag === "Passing" ? (reason.retryAfter ?? 0) : 0
        restingUntil.set(key.storageName, (yield* Clock.currentTimeMillis) + Math.max(rest, wait))
        yield* Effect.logDebug(`${error.message} The token at hand still works and is used.`)
        return { _tag: "Use", tokens }
      }
      if (error._tag === "DpopUnsupported") return yield* error
      switch (error.reason._tag) {
        case "Passing":
        case "Malformed":
        case "NotBound":
        case "UnusableSecret":
        case "InvalidGrant":
          return yield* error
        case "InvalidClient":
          if (error.purpose === "identity assertion") return yield* error
          if (credential.registration._tag === "Configured") {
            return yield* ClientRejected.ofConfigured(server)
          }
          if (credential.registration._tag === "MetadataDocument") {
            const metadataUrl = credential.registration.clientId
            return yield* new ClientRejected({ server: server.name, hasSecret: false, metadataUrl })
          }
          yield* credentials.forget(key)
          return revoked
        case "Refused":
          // Waiting does not help against a refusal; a new sign-in may, where there is somebody for it.
          return person.present && refreshToken !== undefined ? revoked : yield* error
      }
    })

    const askPerson = Effect.fn("AccessTokens.askPerson")(function* (
      { account, challenge, server }: AccessTokenRequest,
      key: CredentialKey,
      why: SignInRequired["why"]
    ) {
      if (!person.present && !needsNobody(server)) {
        return yield* new SignInRequired({ server: server.name, account: key.account, why })
      }
      const now = yield* Clock.currentTimeMillis
      const { tokens } = yield* signIn.signIn({
        server,
        account,
        challenge,
        adopt: (credential) => {
          const assessment = assess(server, key, Option.some(credential), now)
          return assessment._tag === "Use" ? assessment.tokens : undefined
        }
      })
      return tokens
    })

    /** What one fiber does for all that ask for the same credential. */
    const renew = Effect.fn("AccessTokens.renew")(function* (
      request: AccessTokenRequest,
      key: CredentialKey
    ) {
      const first = yield* load(request, key)
      const settled =
        first._tag === "Refresh"
          ? yield* lock.withLock(key, "refresh")(refreshInTurn(request, key, yield* issuerNow(request)))
          : first
      return settled._tag === "Use" ? settled.tokens : yield* askPerson(request, key, settled.why)
    })

    /** While the store is away, what is in memory is used as long as it works. */
    const orHeld = ({ server }: AccessTokenRequest, key: CredentialKey) =>
      Effect.fnUntraced(function* <E extends StorageError | LockError>(error: E) {
        const now = yield* Clock.currentTimeMillis
        const held = assess(server, key, credentials.inMemory(server, key), now)
        if (held._tag !== "Refresh" || !held.works) return yield* Effect.fail(error)
        restingUntil.set(key.storageName, now + rest)
        yield* Effect.logDebug(`${error.message} The token at hand still works and is used.`)
        return held.tokens
      })

    const get = Effect.fn("AccessTokens.get")(function* (request: AccessTokenRequest) {
      const key = CredentialKey.of(request.server.name, request.account)
      const held = assess(
        request.server,
        key,
        credentials.inMemory(request.server, key),
        yield* Clock.currentTimeMillis
      )
      if (held._tag === "Use") return held.tokens
      return yield* flights
        .run(key.storageName, renew(request, key))
        .pipe(Effect.catchTags({ StorageError: orHeld(request, key), LockError: orHeld(request, key) }))
    })

    const getIfKnown = Effect.fn("AccessTokens.getIfKnown")(function* (request: AccessTokenRequest) {
      const { server } = request
      const key = CredentialKey.of(server.name, request.account)
      const known =
        server.oauth.source._tag === "ByHand" ||
        needsNobody(server) ||
        Option.isSome(credentials.inMemory(server, key)) ||
        Option.exists(yield* credentials.load(server, key), ({ tokens }) => tokens !== undefined)
      return known ? Option.some(yield* get(request)) : Option.none()
    })

    const reject = Effect.fn("AccessTokens.reject")(function* (
      { account, server }: AccessTokenRequest,
      accessToken: Redacted.Redacted
    ) {
      const key = CredentialKey.of(server.name, account)
      const held = credentials.inMemory(server, key)
      yield* Effect.sync(() => {
        if (Option.exists(held, ({ tokens }) => tokens?.holds(accessToken) === true)) {
          rejected.set(key.storageName, accessToken)
        }
      })
    })

    /** The tokens of a credential that has these scopes, unless they are those that were not enough. */
    const enough = (
      credential: Credential,
      scopes: ReadonlyArray<string>,
      sent: Redacted.Redacted,
      now: number
    ): TokenSet | undefined => {
      const { tokens } = credential
      return tokens !== undefined &&
        credential.covers(scopes) &&
        !tokens.holds(sent) &&
        !tokens.isExpired(now)
        ? tokens
        : undefined
    }

    const stepUpOnce = Effect.fn("AccessTokens.stepUpOnce")(function* (
      { account, challenge, server }: AccessTokenRequest,
      key: CredentialKey,
      missing: ReadonlyArray<string>,
      sent: Redacted.Redacted
    ): Effect.fn.Return<Option.Option<TokenSet>, AccessTokenError> {
      const now = yield* Clock.currentTimeMillis
      const held = Option.getOrUndefined(yield* credentials.load(server, key))
      const adopted = held === undefined ? undefined : enough(held, missing, sent, now)
      if (adopted !== undefined) return Option.some(adopted)
      if (held?.tokens?.holds(sent) === true && held.covers(missing)) return Option.none()
      if (!person.present && !needsNobody(server) && held?.machineGrantAt(server) === undefined) {
        const before = held?.scopesSoFar ?? []
        return yield* new ScopeRequired({
          server: server.name,
          account: key.account,
          missing,
          scopes: [...new Set([...before, ...server.oauth.scopes, ...missing])]
        })
      }
      const { tokens } = yield* signIn.signIn({
        server,
        account,
        challenge,
        moreScopes: missing,
        adopt: (credential) => enough(credential, missing, sent, now)
      })
      return Option.some(tokens)
    })

    const stepUp = Effect.fn("AccessTokens.stepUp")(function* (
      request: AccessTokenRequest,
      sent: Redacted.Redacted
    ) {
      const missing = missingScopes(request.challenge)
      if (missing.length === 0) return Option.none<TokenSet>()
      const key = CredentialKey.of(request.server.name, request.account)
      return yield* stepUps.run(
        JSON.stringify([key.storageName, ...missing.toSorted()]),
        stepUpOnce(request, key, missing, sent)
      )
    })

    return AccessTokens.of({ get, getIfKnown, reject, stepUp })
  })
)
