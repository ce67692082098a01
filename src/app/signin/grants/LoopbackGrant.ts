import { Duration, Effect, Exit, Option, Redacted, Schedule } from "effect"
import { readAuthorizationResponse } from "../../../domain/AuthorizationResponse.ts"
import { AuthorizationServerMetadata } from "../../../domain/AuthorizationServer.ts"
import type { ClientRegistration } from "../../../domain/ClientRegistration.ts"
import { type PastedRedirect, readPastedRest } from "../../../domain/PastedRedirect.ts"
import type { PendingSignIn } from "../../../domain/PendingSignIn.ts"
import { check, command, oauthOf } from "../../../domain/Remedy.ts"
import { isSecureUrl } from "../../../domain/SecureUrl.ts"
import type { RemoteServer } from "../../../domain/Server.ts"
import { accountName, type SignInRefused, SignInTimedOut } from "../../../domain/SignInError.ts"
import { StaleRegistration } from "../../../domain/StaleRegistration.ts"
import { Browser, type BrowserError } from "../../../ports/Browser.ts"
import {
  type BoundListener,
  CallbackListener,
  type ListenError,
  type RedirectPortBusy
} from "../../../ports/CallbackListener.ts"
import { SignInPolicy } from "../../../ports/SignInPolicy.ts"
import { TokenEndpoint } from "../../../ports/TokenEndpoint.ts"
import { UserInteraction } from "../../../ports/UserInteraction.ts"
import { CredentialReplacement } from "../CredentialReplacement.ts"
import { offersDeviceCode } from "../GrantChoice.ts"
import { retryWithFewerScopes } from "../FewerScopes.ts"
import { retryForgotten } from "../RetryForgotten.ts"
import {
  fixedRegistration,
  refusesClient,
  registerForSignIn,
  rejectionOf,
  type SignInClient
} from "../SignInClient.ts"
import type { SignInContext } from "../SignInContext.ts"
import { withClient } from "../WithClient.ts"
import { beginAuthorization, completeAuthorization } from "./AuthorizationCodeGrant.ts"

/** Time between two attempts to bind a port that another sign-in of this program holds. */
const portPolling = Schedule.spaced("250 millis")

/**
 * Binds the callback listener. A port that another sign-in of this program listens at is waited for: a redirect URI of a
 * fixed client serves one sign-in at a time.
 */
const bindInTurn = Effect.fn("LoopbackGrant.bindInTurn")(function* (
  server: string,
  redirectUri: URL,
  portMayMove: boolean
) {
  const listener = yield* CallbackListener
  const user = yield* UserInteraction
  const bind = listener.bind({ server, redirectUri, portMayMove })
  const isTurnOfAnother = (error: ListenError | RedirectPortBusy) =>
    error._tag === "RedirectPortBusy" && error.isOfSignIn === true
  const inTurn = Effect.gen(function* () {
    yield* user.tell(
      `Another sign-in waits for its browser at ${redirectUri.href}. This one begins when that one ends.`
    )
    return yield* Effect.retry(bind, { schedule: portPolling, while: isTurnOfAnother })
  })
  return yield* Effect.catchIf(bind, isTurnOfAnother, (error) =>
    Effect.timeoutOrElse(inTurn, { duration: user.timeout, orElse: () => Effect.fail(error) })
  )
})

/**
 * Binds the callback listener and chooses the client for its address. A fixed client keeps the redirect URI that it is
 * registered for; a dynamic one is registered for the port that is free, and belongs to this credential alone, because its
 * sign-out deregisters it.
 */
const bindAndRegister = Effect.fn("LoopbackGrant.bindAndRegister")(function* (context: SignInContext) {
  const { authorizationServer, known, server } = context
  const fixed = fixedRegistration(server, authorizationServer)
  const bound = yield* bindInTurn(
    server.name,
    known === undefined || fixed !== undefined ? server.oauth.redirectUri : new URL(known.redirectUri),
    fixed === undefined
  )
  const { redirectUri } = bound
  const isKnown = known !== undefined && known.redirectUri === redirectUri.href
  const registration =
    fixed ??
    (isKnown ? known : yield* registerForSignIn(context, { redirectUri, scopes: authorizationServer.scopes }))
  const client: SignInClient = { registration, isReused: fixed === undefined && isKnown }
  return { bound, client, redirectUri }
})

/**
 * Asks the token endpoint about a client that an earlier sign-in registered, with a code that does not exist. An endpoint
 * authenticates the client first (RFC 6749 §3.2.1). Any answer but `invalid_client` says nothing.
 */
const failIfForgotten = Effect.fn("LoopbackGrant.failIfForgotten")(function* (
  pending: PendingSignIn,
  server: RemoteServer
) {
  const { codeVerifier, draft, redirectUri } = pending
  // It has just pushed the request, for which it had to authenticate.
  if (pending.url.searchParams.has("request_uri")) return
  const tokenEndpoint = yield* TokenEndpoint
  yield* withClient(pending.clientAt(server), (client) =>
    tokenEndpoint.exchange({
      server: server.name,
      tokenEndpoint: new URL(draft.tokenEndpoint),
      client,
      resource: undefined,
      code: Redacted.make("does-the-server-know-this-client"),
      redirectUri: new URL(redirectUri),
      codeVerifier
    })
  ).pipe(
    Effect.catch((error) => {
      const rejection = rejectionOf({ server, draft, isReused: true }, error)
      return rejection._tag === "StaleRegistration" ? rejection : Effect.void
    })
  )
})

/** What the user checks if the browser shows an error of the authorization server, which never reaches this program. */
const hintFor = ({ draft: { registration }, redirectUri, server }: PendingSignIn) => {
  const isConfigured = registration._tag === "Configured"
  return {
    message: `No answer from the browser yet. If it shows an error instead of a sign-in page, the authorization server may not know the client, or not allow it the redirect URI ${redirectUri} or the scopes.`,
    remedies: isConfigured
      ? [check(oauthOf(server), ["client_id", "redirect_uri", "scopes"], "it shows an error")]
      : []
  }
}

/** What is wrong with what a user pasted, and what to paste instead. */
const problemWith = (found: PastedRedirect, { href }: URL): string => {
  const whole = `Copy the address that starts with ${href} from the browser's address bar.`
  switch (found._tag) {
    case "Start":
      return `That is only the start of the address. Paste the rest of it, or the whole address that starts with ${href}.`
    case "Other":
      return `${found.problem} ${whole}`
    case "Parameters":
      return `That address belongs to another sign-in: its state differs. ${whole}`
  }
}

/** The length of a code is unknown, so a server may be the first to notice that its end is missing. It does not say why. */
const incompleteCode =
  "The pasted address may have lost its end, or its code may have expired: some are valid for less than a minute. Sign in again, and paste the whole address at once."

const isCodeRefused = (error: Effect.Error<ReturnType<typeof completeAuthorization>>): boolean =>
  error._tag === "TokenRequestError" && error.reason._tag === "InvalidGrant"

/** Waits for the browser or for the pasted redirect URL, whichever comes first. */
const awaitCallback = Effect.fn("LoopbackGrant.awaitCallback")(function* (
  pending: PendingSignIn,
  bound: BoundListener
) {
  const { account, expectedResponse, server, url: signInUrl } = pending
  const { redirectUri } = bound
  const user = yield* UserInteraction
  const read = (parameters: URLSearchParams) => readAuthorizationResponse(expectedResponse, parameters)
  const { hintAfter } = yield* SignInPolicy
  const hint = hintFor(pending)
  const received = Effect.map(bound.receive(read), (callback) => ({ callback, isPasted: false }))
  const pasted = Effect.gen(function* () {
    // The hint takes the place of the prompt, which is shown again below it.
    const early = yield* Effect.timeoutOption(user.pastedRedirect(server), hintAfter)
    if (Option.isNone(early)) yield* user.tell(hint.message, hint.remedies)
    let next: Option.Option<string> = early
    let start = ""
    for (;;) {
      const text = Option.isSome(next) ? next.value : yield* user.pastedRedirect(server)
      next = Option.none()
      const found = readPastedRest(start, text, { redirectUri, signInUrl, expected: expectedResponse })
      const callback = found._tag === "Parameters" ? read(found.parameters) : undefined
      if (callback !== undefined && callback._tag !== "Foreign") return { callback, isPasted: true }
      start = found._tag === "Start" ? found.text : ""
      yield* user.tell(problemWith(found, redirectUri))
    }
  })
  return yield* Effect.raceFirst(received, pasted).pipe(
    Effect.timeoutOrElse({
      duration: user.timeout,
      orElse: () => new SignInTimedOut({ server, account, seconds: Duration.toSeconds(user.timeout) })
    })
  )
})

/** The failure of a sign-in whose client an earlier one registered: the authorization server may have forgotten it. */
const explainReused = Effect.fnUntraced(function* (
  pending: PendingSignIn,
  server: RemoteServer,
  error: SignInTimedOut | SignInRefused
) {
  const { draft, key } = pending
  const { issuer, registration } = draft
  if (error._tag === "SignInRefused") {
    return refusesClient(error)
      ? new StaleRegistration({ server: server.name, issuer, clientId: registration.clientId })
      : error
  }
  const replacement = yield* CredentialReplacement
  yield* Effect.ignore(replacement.retireClient({ server, key, draft }), { log: "Debug" })
  return new SignInTimedOut({ ...error, isClientDropped: true })
})

const attempt = Effect.fn("LoopbackGrant.attempt")(function* (
  context: SignInContext,
  useClient: (registration: ClientRegistration) => void
) {
  const { key, server } = context
  const user = yield* UserInteraction
  if (user.attention !== undefined) yield* user.attention
  const { pending, target, unconfirmed } = yield* beginAuthorization(context, bindAndRegister(context))
  useClient(target.client.registration)
  if (target.client.isReused) yield* failIfForgotten(pending, server)
  if (unconfirmed !== undefined) yield* user.tell(unconfirmed.message, unconfirmed.remedies)
  const shown = accountName(server.name, key.account)
  yield* user.askToSignIn(shown, pending.url, {
    redirectUri: target.redirectUri,
    byCode: offersDeviceCode(context.authorizationServer)
      ? command("auth login", {
          server: server.name,
          account: key.account,
          options: { device: true },
          purpose: "sign in with a code instead"
        })
      : undefined
  })
  // The browser refuses an insecure URL, so that must not be behind a redirect unless the user has allowed it.
  const isSecure = isSecureUrl(pending.url)
  const mayOpen = isSecure || server.allowHttp === true
  const opened = mayOpen ? yield* target.bound.redirectOnce(pending.url) : pending.url
  const named = target.bound.checksUser && isSecure ? pending.url : opened
  let isWaiting = true
  yield* Effect.addFinalizer(() => Effect.sync(() => (isWaiting = false)))
  // A browser that is closed after the sign-in may end with an error, too.
  const tellFailure = ({ message }: BrowserError) => (isWaiting ? user.tell(message) : Effect.void)
  yield* Browser.use((browser) => browser.open(opened, named, tellFailure)).pipe(Effect.catch(tellFailure))
  const completed = Effect.flatMap(awaitCallback(pending, target.bound), ({ callback, isPasted }) =>
    completeAuthorization(pending, server, callback, "always").pipe(
      Effect.onExit((exit) => target.bound.conclude(Exit.isSuccess(exit))),
      Effect.tapError((error) => (isPasted && isCodeRefused(error) ? user.tell(incompleteCode) : Effect.void))
    )
  )
  return yield* target.client.isReused
    ? Effect.catchTag(completed, ["SignInTimedOut", "SignInRefused"], (error) =>
        Effect.flatMap(explainReused(pending, server, error), Effect.fail)
      )
    : completed
}, Effect.scoped)

/** The words of servers for a client whose authorization requests must be pushed (RFC 9126 §6). */
const requiresPush = ({ description = "", error }: SignInRefused): boolean =>
  error === "invalid_request" && /pushed[ _-]?authori[sz]ation|\bPAR\b|request_uri/i.test(description)

/** The browser opens twice for a client whose requests must be pushed, since only the answer to the first one says so. */
const withPushOnDemand = (context: SignInContext, useClient: (registration: ClientRegistration) => void) =>
  Effect.suspend(() => {
    const { authorizationServer } = context
    const { endpoints, metadata } = authorizationServer
    let used: ClientRegistration | undefined
    const attemptWith = (context: SignInContext) =>
      attempt(context, (registration) => {
        used = registration
        useClient(registration)
      })
    const first = retryForgotten(context, attemptWith)
    if (metadata === undefined || endpoints.pushedAuthorization === undefined) return first
    return Effect.catchIf(
      first,
      (error): error is SignInRefused => error._tag === "SignInRefused" && requiresPush(error),
      () => {
        const pushing = new AuthorizationServerMetadata({
          ...metadata,
          require_pushed_authorization_requests: true
        })
        const known = used?._tag === "Dynamic" ? used : undefined
        return retryForgotten(
          { ...context, known, authorizationServer: { ...authorizationServer, metadata: pushing } },
          attemptWith
        )
      }
    )
  })

/**
 * The authorization code flow in the user's browser on this machine (RFC 6749 §4.1, RFC 8252). The browser opens again where
 * the answer says that another request is needed: pushed, or with fewer scopes.
 */
export const loopbackGrant = (context: SignInContext) => retryWithFewerScopes(context, withPushOnDemand)
