import { Effect, Redacted } from "effect"
import { authorizationUrl } from "../../domain/AuthorizationRequest.ts"
import { printable } from "../../domain/PrintableText.ts"
import * as Remedy from "../../domain/Remedy.ts"
import type { RemoteServer } from "../../domain/Server.ts"
import { type AuthorizationRefusal, probeAuthorization } from "../signin/AuthorizationProbe.ts"
import { fixedClient } from "../signin/SignInClient.ts"
import { type Verdict, wrong } from "./Finding.ts"
import { isResolved, needsBrowser, type Resolution } from "./Resolution.ts"

/** Errors that only say that a user has to sign in (OpenID Connect Core §3.1.2.6). */
const needsUser = /^(login|interaction|consent|account_selection)_required$/

/** No sign-in follows, so these values are not random. The challenge has the form of one. */
const secrets = {
  state: Redacted.make("mcp-cli-auth-doctor"),
  codeVerifier: Redacted.make(""),
  codeChallenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
}

/**
 * Sends the authorization request of a client that needs no registration, as a sign-in would, and reads what is refused before
 * a user signs in. Many servers show that in the browser alone. Undefined: nothing is refused, or no browser opens.
 */
export const probeClient = Effect.fn("Doctor.probeClient")(function* (
  server: RemoteServer,
  resolution: Resolution
) {
  if (!isResolved(resolution) || !needsBrowser(server, resolution)) return undefined
  const { authorizationServer } = resolution
  const { authorizationEndpoint, metadata } = authorizationServer
  const fixed = fixedClient(server, authorizationServer)
  const isPushed = metadata?.require_pushed_authorization_requests === true
  if (fixed === undefined || authorizationEndpoint === undefined || isPushed) return undefined
  const { redirectUri, usePkce } = server.oauth
  const url = authorizationUrl({
    ...authorizationServer,
    server: server.name,
    authorizationEndpoint,
    issuer: authorizationServer.responseIssuer,
    issuerRequired: authorizationServer.responseIssuerRequired,
    clientId: fixed.client.clientId,
    redirectUri,
    usePkce,
    secrets
  })
  const refusal = yield* probeAuthorization(url, redirectUri)
  return refusal === undefined || needsUser.test(refusal.error) ? undefined : refusal
})

/** The verdict on a client that the authorization endpoint refuses. */
export const refusedVerdict = (
  server: RemoteServer,
  what: string,
  { description, error, isCallback }: AuthorizationRefusal
): Verdict => {
  const oauth = Remedy.oauthOf(server.name)
  const said = printable(description === undefined ? error : `${error}: ${description}`)
  const place = isCallback ? "" : ", which the browser alone would show"
  const isOfDocument = server.oauth.source.client === undefined
  const fields = error === "invalid_scope" ? ["scopes"] : ["client_id", "redirect_uri", "scopes"]
  return wrong(
    `${what}; the authorization endpoint refuses its request (${said})${place}`,
    isOfDocument
      ? Remedy.command("auth client-metadata", {
          server: server.name,
          purpose: "see what has to be published at that address"
        })
      : Remedy.check(oauth, fields)
  )
}
