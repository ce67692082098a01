import { Duration, Effect, type Redacted, Result } from "effect"
import { type AuthorizationFlow, authorizationUrl } from "../../../domain/AuthorizationRequest.ts"
import {
  type AuthorizationResponse,
  readAuthorizationResponse
} from "../../../domain/AuthorizationResponse.ts"
import type { CredentialKey } from "../../../domain/CredentialKey.ts"
import {
  accountName,
  CallbackRejected,
  PkceUnsupported,
  SignInRefused,
  SignInTimedOut
} from "../../../domain/SignInError.ts"
import { Browser } from "../../../ports/Browser.ts"
import { type BoundListener, CallbackListener } from "../../../ports/CallbackListener.ts"
import { DiscoveryError } from "../../../ports/Discovery.ts"
import { DpopProofs } from "../../../ports/DpopProofs.ts"
import { PkceGenerator } from "../../../ports/PkceGenerator.ts"
import { discardBody, HttpTransport } from "../../../ports/HttpTransport.ts"
import { UserInteraction } from "../../../ports/UserInteraction.ts"
import { TokenEndpoint } from "../../../ports/TokenEndpoint.ts"
import { firstAccepted } from "../ClientAttempts.ts"
import { dpopKeyFor, type Flow, StaleRegistration, withKnownClient } from "../SignInContext.ts"
import {
  clientOf,
  fixedClient,
  type SignInClient,
  registerClient,
  registrationOf,
  rejectionOf
} from "../SignInClient.ts"
import { retryTransient } from "../TokenRetry.ts"

/**
 * Binds the place that the browser comes back to, and finds the client for it. A client that others know stays at the
 * redirect URI that they know.
 */
const bindAndRegister = Effect.fn("AuthorizationCodeGrant.bindAndRegister")(function* ({
  authorizationServer,
  known,
  server
}: Flow) {
  const fixed = fixedClient(server, authorizationServer)
  const listener = yield* CallbackListener
  const bound = yield* listener.bind({
    server: server.name,
    redirectUri:
      known === undefined || fixed !== undefined ? server.oauth.redirectUri : new URL(known.redirectUri),
    portMayMove: fixed === undefined
  })
  const { redirectUri } = bound
  const found = (client: SignInClient) => ({ bound, client })
  if (fixed !== undefined) return found(fixed)
  return known !== undefined && known.redirectUri === redirectUri.href
    ? found({ _tag: "Dynamic", client: known, reused: true })
    : found(yield* registerClient(server, authorizationServer, { redirectUri, deviceCode: false }))
})

/**
 * Whether the authorization endpoint still knows a client that was registered some time ago: one that it has forgotten
 * gets an error page there, and the user would wait for nothing. A 403 says nothing of the client: some let no program in.
 */
const isForgotten = Effect.fn("AuthorizationCodeGrant.isForgotten")(function* (url: URL) {
  const transport = yield* HttpTransport
  const answer = yield* transport.send(new Request(url, { method: "GET" })).pipe(Effect.result)
  if (Result.isFailure(answer)) return false
  yield* discardBody(answer.success)
  return [400, 401].includes(answer.success.status)
})

/** Waits for the browser, or for the redirected URL pasted, whichever comes first. */
const awaitAnswer = Effect.fn("AuthorizationCodeGrant.awaitAnswer")(function* (
  { account, server }: CredentialKey,
  bound: BoundListener,
  read: (parameters: URLSearchParams) => AuthorizationResponse
) {
  const user = yield* UserInteraction
  const pasted: Effect.Effect<Exclude<AuthorizationResponse, { readonly _tag: "Foreign" }>> = Effect.gen(
    function* () {
      for (;;) {
        const text = (yield* user.pastedRedirect(server)).trim()
        if (URL.canParse(text)) {
          const answer = read(new URL(text).searchParams)
          if (answer._tag !== "Foreign") return answer
        }
        yield* user.tell(
          `That is not the address that this sign-in ended at. It starts with ${bound.redirectUri.href} and stands in the browser's address bar.`
        )
      }
    }
  )
  return yield* Effect.raceFirst(bound.receive(read), pasted).pipe(
    Effect.timeoutOrElse({
      duration: user.timeout,
      orElse: () => new SignInTimedOut({ server, account, seconds: Duration.toSeconds(user.timeout) })
    })
  )
})

/** Sends the code, and keeps what it is exchanged for; the two cannot be interrupted apart. */
const finish = Effect.fn("AuthorizationCodeGrant.finish")(function* (
  { authorizationServer, save, server }: Flow,
  asked: AuthorizationFlow,
  flowClient: SignInClient,
  dpopKey: Redacted.Redacted | undefined,
  code: Redacted.Redacted
) {
  const tokenEndpoint = yield* TokenEndpoint
  const { methods, ...client } = clientOf(server, authorizationServer, flowClient)
  const { answer: tokens, method } = yield* firstAccepted(methods, (authenticationMethod) =>
    retryTransient(
      tokenEndpoint.exchange({
        server: server.name,
        tokenEndpoint: asked.tokenEndpoint,
        client: { ...client, authenticationMethod },
        resource: asked.resource,
        dpopKey,
        code,
        redirectUri: asked.redirectUri,
        codeVerifier: asked.usePkce ? asked.secrets.codeVerifier : undefined
      })
    )
  ).pipe(
    Effect.mapError((error) => {
      if (flowClient._tag !== "Dynamic") return rejectionOf(server, flowClient, error)
      return flowClient.reused && error.reason._tag === "InvalidClient" ? new StaleRegistration() : error
    })
  )
  return yield* save(registrationOf(flowClient, method), tokens)
}, Effect.uninterruptible)

const attempt = Effect.fn("AuthorizationCodeGrant.attempt")(function* (flow: Flow) {
  const { authorizationServer, key, server } = flow
  const { authorizationEndpoint, metadata } = authorizationServer
  if (
    server.oauth.usePkce &&
    metadata !== undefined &&
    metadata.code_challenge_methods_supported?.includes("S256") !== true
  ) {
    return yield* new PkceUnsupported({ server: server.name, issuer: metadata.issuer })
  }
  if (authorizationEndpoint === undefined) {
    return yield* new DiscoveryError({
      server: server.name,
      reason: "no metadata",
      detail: `the metadata of ${authorizationServer.issuer} names no authorization_endpoint`
    })
  }
  const dpopKey = yield* dpopKeyFor(flow)
  const { bound, client } = yield* bindAndRegister(flow)
  const asked: AuthorizationFlow = {
    server: server.name,
    authorizationEndpoint,
    tokenEndpoint: authorizationServer.tokenEndpoint,
    issuer: authorizationServer.responseIssuer,
    issuerRequired: authorizationServer.responseIssuerRequired,
    clientId: client.client.clientId,
    redirectUri: bound.redirectUri,
    scopes: authorizationServer.scopes,
    resource: authorizationServer.resource,
    usePkce: server.oauth.usePkce,
    dpopThumbprint:
      dpopKey === undefined ? undefined : yield* DpopProofs.use(({ thumbprint }) => thumbprint(dpopKey)),
    extraAuthParams: authorizationServer.extraAuthParams,
    secrets: yield* PkceGenerator.use(({ make }) => make)
  }
  const url = authorizationUrl(asked)
  const reused = client._tag === "Dynamic" && client.reused
  if (reused && (yield* isForgotten(url))) return yield* Effect.fail(new StaleRegistration())

  const user = yield* UserInteraction
  yield* user.askToSignIn(accountName(server.name, key.account), url)
  yield* Browser.use((browser) => browser.open(url)).pipe(Effect.catch((error) => user.tell(error.message)))
  const answer = yield* awaitAnswer(key, bound, (parameters) => readAuthorizationResponse(asked, parameters))
  switch (answer._tag) {
    case "Denied":
      return yield* new SignInRefused({
        server: server.name,
        account: key.account,
        error: answer.error,
        ...(answer.description === undefined ? {} : { description: answer.description })
      })
    case "Rejected":
      return yield* new CallbackRejected({ server: server.name, account: key.account, detail: answer.detail })
    case "Granted":
      return yield* finish(flow, asked, client, dpopKey, answer.code)
  }
}, Effect.scoped)

/** The authorization code flow in the user's browser (RFC 6749 §4.1, RFC 7636, RFC 8252). */
export const authorizationCodeGrant = (flow: Flow) => withKnownClient(flow, attempt)
