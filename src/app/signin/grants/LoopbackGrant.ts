import { Duration, Effect } from "effect"
import {
  type AuthorizationResponse,
  readAuthorizationResponse
} from "../../../domain/AuthorizationResponse.ts"
import { readPastedRedirect } from "../../../domain/PastedRedirect.ts"
import type { PendingSignIn } from "../../../domain/PendingSignIn.ts"
import { isSecureUrl } from "../../../domain/SecureUrl.ts"
import { accountName, SignInTimedOut } from "../../../domain/SignInError.ts"
import { Browser } from "../../../ports/Browser.ts"
import { type BoundListener, CallbackListener } from "../../../ports/CallbackListener.ts"
import { UserInteraction } from "../../../ports/UserInteraction.ts"
import { fixedRegistration, registerClient, type SignInClient } from "../SignInClient.ts"
import type { SignInContext } from "../SignInContext.ts"
import { retryForgotten } from "../RetryForgotten.ts"
import { beginAuthorization, completeAuthorization } from "./AuthorizationCodeGrant.ts"

type Callback = Exclude<AuthorizationResponse, { readonly _tag: "Foreign" }>

/**
 * Binds the callback listener and chooses the client for its address. A fixed client keeps the redirect URI that it is
 * registered for; a dynamic one is registered for the port that is free, and belongs to this credential alone, because its
 * sign-out deregisters it.
 */
const bindAndRegister = Effect.fn("LoopbackGrant.bindAndRegister")(function* (context: SignInContext) {
  const { authorizationServer, known, server } = context
  const fixed = fixedRegistration(server, authorizationServer)
  const listener = yield* CallbackListener
  const bound = yield* listener.bind({
    server: server.name,
    redirectUri:
      known === undefined || fixed !== undefined ? server.oauth.redirectUri : new URL(known.redirectUri),
    portMayMove: fixed === undefined
  })
  const { redirectUri } = bound
  const isKnown = known !== undefined && known.redirectUri === redirectUri.href
  const registration =
    fixed ??
    (isKnown ? known : yield* registerClient(context, { redirectUri, scopes: authorizationServer.scopes }))
  const client: SignInClient = { registration, isReused: fixed === undefined && isKnown }
  return { bound, client, redirectUri }
})

/** Waits for the browser or for the pasted redirect URL, whichever comes first. */
const awaitCallback = Effect.fn("LoopbackGrant.awaitCallback")(function* (
  { account, expectedResponse, server, url: signInUrl }: PendingSignIn,
  bound: BoundListener
) {
  const { redirectUri } = bound
  const user = yield* UserInteraction
  const read = (parameters: URLSearchParams) => readAuthorizationResponse(expectedResponse, parameters)
  const pasted: Effect.Effect<Callback> = Effect.gen(function* () {
    for (;;) {
      const found = readPastedRedirect(yield* user.pastedRedirect(server), { redirectUri, signInUrl })
      const callback = found._tag === "Other" ? undefined : read(found.parameters)
      if (callback !== undefined && callback._tag !== "Foreign") return callback
      const problem =
        found._tag === "Other" ? found.problem : "That address belongs to another sign-in: its state differs."
      yield* user.tell(
        `${problem} Copy the address that starts with ${redirectUri.href} from the browser's address bar.`
      )
    }
  })
  return yield* Effect.raceFirst(bound.receive(read), pasted).pipe(
    Effect.timeoutOrElse({
      duration: user.timeout,
      orElse: () => new SignInTimedOut({ server, account, seconds: Duration.toSeconds(user.timeout) })
    })
  )
})

const attempt = Effect.fn("LoopbackGrant.attempt")(function* (context: SignInContext) {
  const { key, server } = context
  const { pending, target, unconfirmed } = yield* beginAuthorization(context, bindAndRegister(context))
  const user = yield* UserInteraction
  if (unconfirmed !== undefined) yield* user.tell(unconfirmed.message, unconfirmed.remedies)
  yield* user.askToSignIn(accountName(server.name, key.account), pending.url)
  // The browser refuses an insecure URL, so that must not be behind a redirect unless the user has allowed it.
  const isSecure = isSecureUrl(pending.url)
  const mayOpen = isSecure || server.allowHttp === true
  const opened = mayOpen ? yield* target.bound.redirectOnce(pending.url) : pending.url
  const named = target.bound.checksUser && isSecure ? pending.url : opened
  yield* Browser.use((browser) => browser.open(opened, named)).pipe(
    Effect.catch((error) => user.tell(error.message))
  )
  return yield* completeAuthorization(pending, server, yield* awaitCallback(pending, target.bound), "always")
}, Effect.scoped)

/** The authorization code flow in the user's browser on this machine (RFC 6749 §4.1, RFC 8252). */
export const loopbackGrant = (context: SignInContext) => retryForgotten(context, attempt)
