import { Effect, Result } from "effect"
import { printable } from "../../domain/PrintableText.ts"
import * as Remedy from "../../domain/Remedy.ts"
import type { RemoteServer } from "../../domain/Server.ts"
import { dpopProblem, isDpopBound, pkceProblem, scopesOfGrant } from "../../domain/SignInRules.ts"
import { CallbackListener } from "../../ports/CallbackListener.ts"
import { grantFor } from "../signin/GrantChoice.ts"
import { pushEndpointOf } from "../signin/PushEndpoint.ts"
import { fixedClient } from "../signin/SignInClient.ts"
import type { ResolvedAuthorizationServer } from "../signin/ResolvedAuthorizationServer.ts"
import type { AuthorizationRefusal } from "../signin/AuthorizationProbe.ts"
import { refusedVerdict } from "./ClientProbe.ts"
import { note, ok, type Verdict, wrong, wrongBy } from "./Finding.ts"
import type { Probe } from "./Probe.ts"
import { isGuessed, isResolved, needsBrowser, type Resolution, unresolvedVerdict } from "./Resolution.ts"

/** Where the requested scopes come from. */
const scopeOrigin = ({ oauth }: RemoteServer, probed: Probe): string => {
  if (oauth.scopes !== undefined) return "as the configuration names them"
  return Result.isSuccess(probed) && probed.success.challenge?.scope !== undefined
    ? "as the challenge of the server requires"
    : "as the metadata of the server lists them"
}

/** The verdict on the requested scopes. */
export const scopesVerdict = (server: RemoteServer, probed: Probe, resolution: Resolution): Verdict => {
  if (!isResolved(resolution)) return unresolvedVerdict("scopes", resolution)
  const { authorizationServer } = resolution
  const configured = server.oauth.scopes ?? []
  const scopes = scopesOfGrant(grantFor(server, authorizationServer), authorizationServer.scopes)
  if (scopes.length === 0) {
    return ok(
      server.oauth.scopes === undefined
        ? "none are named; the authorization server decides"
        : "none, as the configuration says; the authorization server decides"
    )
  }
  const named =
    configured.length > 0
      ? configured
      : resolution._tag === "Discovered"
        ? resolution.discovered.scopes
        : scopes
  const added = scopes.filter((scope) => !named.includes(scope))
  const what = [
    `${printable(scopes.join(" "))}, ${scopeOrigin(server, probed)}`,
    ...(added.length === 0 ? [] : [`${printable(added.join(" "))} is added, since it is offered`])
  ].join("; ")
  const supported = authorizationServer.metadata?.scopes_supported
  const unknown = configured.filter((scope) => supported !== undefined && !supported.includes(scope))
  return unknown.length === 0
    ? ok(what)
    : note(
        `${what}; ${printable(unknown.join(" "))} is not among those that the authorization server lists`,
        Remedy.check(Remedy.oauthOf(server.name), ["scopes"])
      )
}

/**
 * The problem of a configured client whose authentication the metadata does not announce (RFC 8414 §2). A server may accept
 * more than it announces. Undefined: it announces that, or nothing.
 */
const methodProblem = (
  server: RemoteServer,
  what: string,
  { authMethodsSupported: announced, provider }: ResolvedAuthorizationServer
): Verdict | undefined => {
  const { source, tokenEndpointAuthMethod } = server.oauth
  const { client } = source
  if (client === undefined || announced === undefined || announced.length === 0) return undefined
  const oauth = Remedy.oauthOf(server.name)
  const listed = `the authorization server announces ${printable(announced.join(", "))}`
  const decided = tokenEndpointAuthMethod ?? (client.signingKey === undefined ? undefined : "private_key_jwt")
  if (decided !== undefined) {
    if (announced.includes(decided)) return undefined
    return note(
      `${what}, by ${decided}; ${listed}`,
      Remedy.check(oauth, ["token_endpoint_auth_method"]),
      ...(client.signingKey === undefined ? [] : [Remedy.check(oauth, ["private_key"])])
    )
  }
  if (provider?.tokenEndpointAuthMethod !== undefined) return undefined
  if (client.clientSecret === undefined) {
    if (announced.includes("none")) return undefined
    return note(
      `${what}; ${listed}, and no clients without a secret`,
      Remedy.set(oauth, { client_secret: null }, "its provider gave you one")
    )
  }
  if (announced.some((method) => method.startsWith("client_secret_"))) return undefined
  return note(`${what}; ${listed}, and no clients with a secret`, Remedy.check(oauth, ["client_secret"]))
}

/**
 * The verdict on the client. Whether its secret is right shows at a token request only, which uses up a grant.
 *
 * @param refusal what the authorization endpoint said to the request of a client that needs no registration
 */
export const registrationVerdict = (
  server: RemoteServer,
  resolution: Resolution,
  refusal: AuthorizationRefusal | undefined
): Verdict => {
  if (!isResolved(resolution)) return unresolvedVerdict("registration", resolution)
  const { metadata, provider, registrar } = resolution.authorizationServer
  const { clientMetadataUrl, source } = server.oauth
  const oauth = Remedy.oauthOf(server.name)
  const fixed = fixedClient(server, resolution.authorizationServer)
  if (fixed?._tag === "MetadataDocument") {
    const what = `the client is known by ${fixed.client.clientId}`
    return refusal === undefined ? ok(what) : refusedVerdict(server, what, refusal)
  }
  if (fixed !== undefined) {
    const { clientId, clientSecret, signingKey } = fixed.client
    const proof =
      signingKey !== undefined ? "a private key" : clientSecret === undefined ? undefined : "a secret"
    const what = `client_id ${clientId} ${proof === undefined ? "without a secret" : `and ${proof}`}`
    if (refusal !== undefined) return refusedVerdict(server, what, refusal)
    const problem = methodProblem(server, what, resolution.authorizationServer)
    if (problem !== undefined) return problem
    return source.client !== undefined && clientMetadataUrl !== undefined
      ? note(
          `${what}; client_metadata_url is not used, since client_id takes precedence`,
          Remedy.remove(oauth, ["client_id"], "the document should be used"),
          Remedy.remove(oauth, ["client_metadata_url"], "client_id should be used")
        )
      : ok(proof === undefined ? what : `${what}; whether it is right shows at the sign-in`)
  }
  if (registrar?.registration_endpoint !== undefined) {
    const unused =
      clientMetadataUrl === undefined
        ? ""
        : "; client_metadata_url is not used, since no documents are accepted"
    return ok(`registration is offered; whether this client is accepted shows at the sign-in${unused}`)
  }
  const place = provider?.registerAt === undefined ? "with the provider" : `at ${provider.registerAt.value}`
  return wrong(
    "the authorization server registers no clients automatically",
    Remedy.advice(`Register an application ${place}.`),
    Remedy.set(oauth, { client_id: null }, "you have registered one"),
    ...(metadata?.client_id_metadata_document_supported === true
      ? [Remedy.set(oauth, { client_metadata_url: null }, "you publish a document about the client")]
      : [])
  )
}

/** The verdict on PKCE. */
export const pkceVerdict = (server: RemoteServer, resolution: Resolution): Verdict => {
  if (!isResolved(resolution)) return unresolvedVerdict("PKCE", resolution)
  const { oauth } = server
  if (!needsBrowser(server, resolution)) return note("not needed: no browser")
  if (!oauth.usePkce) {
    return note(
      `switched off ("use_pkce": false)`,
      Remedy.remove(Remedy.oauthOf(server.name), ["use_pkce"], "its provider supports PKCE")
    )
  }
  if (resolution._tag === "ByHand" || isGuessed(server, resolution)) return ok("S256 is sent")
  const { metadata, provider } = resolution.authorizationServer
  const problem = pkceProblem(server, metadata)
  if (problem !== undefined) return wrongBy(problem)
  if (oauth.assumePkce === true) return ok("S256, announced or assumed")
  return resolution.discovered.metadata.code_challenge_methods_supported === undefined
    ? ok(`S256, which ${provider?.name} supports without announcing it`)
    : ok("S256, as the authorization server announces")
}

/** The verdict on DPoP (RFC 9449). */
export const dpopVerdict = (server: RemoteServer, resolution: Resolution): Verdict => {
  if (!isResolved(resolution)) return unresolvedVerdict("DPoP", resolution)
  const { dpopRequired, metadata } = resolution.authorizationServer
  if (!isDpopBound(server, dpopRequired)) {
    return dpopRequired
      ? wrong(
          `switched off ("dpop": false), and the server accepts no tokens without it`,
          Remedy.remove(Remedy.oauthOf(server.name), ["dpop"])
        )
      : ok("not required")
  }
  const problem = dpopProblem(server, metadata, dpopRequired)
  if (problem !== undefined) return wrongBy(problem)
  return ok(
    `tokens are bound to a key, as the ${server.oauth.dpop === true ? "configuration" : "server"} requires`
  )
}

/** The verdict on pushed authorization requests (RFC 9126). */
export const parVerdict = (server: RemoteServer, resolution: Resolution): Verdict => {
  if (!isResolved(resolution)) return unresolvedVerdict("PAR", resolution)
  if (!needsBrowser(server, resolution)) return note("not needed: no browser")
  const endpoint = pushEndpointOf(server, resolution.authorizationServer)
  if (Result.isFailure(endpoint)) return wrongBy(endpoint.failure)
  if (endpoint.success === undefined) return ok("not required")
  const source = resolution._tag === "ByHand" ? "configuration names it" : "authorization server requires"
  return ok(`requests are pushed to ${printable(endpoint.success.href)}, as the ${source}`)
}

/** The verdict on the redirect URI. Binds its port for a moment. */
export const redirectVerdict = Effect.fn("Doctor.redirect")(function* (
  server: RemoteServer,
  resolution: Resolution
): Effect.fn.Return<Verdict, never, CallbackListener> {
  if (!isResolved(resolution)) return unresolvedVerdict("redirect", resolution)
  if (!needsBrowser(server, resolution)) return note("not needed: no browser")
  const { redirectUri } = server.oauth
  const isFixed = fixedClient(server, resolution.authorizationServer) !== undefined
  if (isFixed && redirectUri.port === "") {
    return note(
      `${redirectUri.href}, at whichever port is free: the client must be registered for it, and its provider must accept any port (RFC 8252 §7.3)`,
      Remedy.set(
        Remedy.oauthOf(server.name),
        { redirect_uri: null },
        "its provider compares the port, to the one that is registered"
      )
    )
  }
  const listener = yield* CallbackListener
  const bound = yield* Effect.result(
    Effect.scoped(listener.bind({ server: server.name, redirectUri, portMayMove: false }))
  )
  if (Result.isSuccess(bound)) {
    const other = { localhost: "127.0.0.1", "127.0.0.1": "localhost" }[redirectUri.hostname]
    const registered = `; the client must be registered for exactly this${other === undefined ? "" : ` (${other} is another address)`}`
    return ok(`${redirectUri.href}, and its port is free${isFixed ? registered : ""}`)
  }
  return bound.failure._tag === "RedirectPortBusy" && !isFixed
    ? note(`${redirectUri.href} is taken now; another port will be used`)
    : wrongBy(bound.failure)
})
