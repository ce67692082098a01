import { DateTime, Option, Result } from "effect"
import { type DiscoveredServer, endpointsWithoutMetadata } from "../../domain/AuthorizationServer.ts"
import type { BearerChallenge } from "../../domain/Challenge.ts"
import type { Credential } from "../../domain/Credential.ts"
import { CredentialKey } from "../../domain/CredentialKey.ts"
import { printable } from "../../domain/PrintableText.ts"
import {
  hasOwnAuthorization,
  type RemoteServer,
  isNonInteractiveGrant,
  resourceOf
} from "../../domain/Server.ts"
import { accountCommand, accountName, DpopUnsupported } from "../../domain/SignInError.ts"
import { isTransientStatus } from "../../domain/TransientStatus.ts"
import type { DiscoveryError, SignInNotOffered } from "../../ports/Discovery.ts"
import type { NetworkError } from "../../ports/HttpTransport.ts"
import type { ProxyRoute } from "../../ports/Proxy.ts"
import type { ResolvedAuthorizationServer } from "../signin/ResolvedAuthorizationServer.ts"
import { fixedClient } from "../signin/SignInClient.ts"
import { grantFor, lacksIssuer } from "../signin/GrantChoice.ts"

/** What is examined, in the order in which it is needed. */
export const checks = [
  "proxy",
  "server",
  "clock",
  "challenge",
  "metadata",
  "provider",
  "issuer",
  "resource",
  "scopes",
  "registration",
  "PKCE",
  "DPoP",
  "redirect",
  "sign-in",
  "storage"
] as const

/** One line of an examination. */
export interface Finding {
  readonly check: (typeof checks)[number]
  /** `note`: neither good nor bad; `not reached`: something before it is wrong. */
  readonly verdict: "right" | "wrong" | "note" | "not reached"
  /** What was found, as a sentence without its full stop; never a secret. */
  readonly said: string
  /** The line of the configuration or the command that mends it. */
  readonly fix?: string
}

/** Apart by more than this the clocks of two machines make tokens look ended, or not begun; in milliseconds. */
const tolerance = 60_000

/** A line that is good. */
export const right = (check: Finding["check"], said: string): Finding => ({ check, verdict: "right", said })
/** A line that is neither good nor bad. */
export const note = (check: Finding["check"], said: string, fix?: string): Finding => ({
  check,
  verdict: "note",
  said,
  ...(fix === undefined ? {} : { fix })
})
/** A line that is bad, and what mends it. */
export const wrong = (check: Finding["check"], said: string, fix: string): Finding => ({
  check,
  verdict: "wrong",
  said,
  fix
})
/** A line that something before it keeps from being examined. */
export const notReached = (check: Finding["check"]): Finding => ({
  check,
  verdict: "not reached",
  said: "something before it is wrong"
})

/** The sentences of an error: what happened, and what to do. */
export const sentences = (message: string): readonly [said: string, fix: string] => {
  const [said = message, ...fix] = message.replace(/\.$/, "").split(/\. (?=[A-Z])/)
  return [said, fix.join(". ") || "Try again later"]
}

/** What the server answers to a request without a token. */
export interface Met {
  readonly status: number
  readonly challenge: BearerChallenge | undefined
  readonly date: number | undefined
}

/** What a server answers that lets anybody in; 400 is for a request outside a session. */
export const isOpen = (status: number): boolean => (status >= 200 && status < 300) || status === 400

/** @see isTransientStatus */
export const isPassing = isTransientStatus

/** The line about the server itself. */
export const ofServer = (
  server: RemoteServer,
  met: Result.Result<Met, NetworkError>,
  found: Found
): Finding => {
  if (Result.isFailure(met)) return wrong("server", ...sentences(met.failure.message))
  if (found._tag === "Failed" && brokenAt(found.error) === "server") {
    return wrong("server", ...sentences(found.error.message))
  }
  const { status } = met.success
  const tls = server.url.protocol === "https:" ? "TLS is good, and it" : "it"
  if (hasOwnAuthorization(server)) {
    return note(
      "server",
      `${tls} answers ${status} without a token; its entry has an Authorization header of its own, so nobody signs in`,
      `Take "Authorization" out of "headers" to sign in instead`
    )
  }
  if (status === 401) return right("server", `${tls} asks for a sign-in (401)`)
  if (isOpen(status)) return note("server", `${tls} answers without a sign-in (${status})`)
  if (isPassing(status)) {
    return wrong("server", `${tls} answers ${status}`, "Try again later, or tell its provider")
  }
  if (status === 403) {
    return wrong(
      "server",
      `${tls} refuses this machine or its "headers" (403), and asks for no sign-in`,
      `Check "headers", or ask its provider who may come`
    )
  }
  if (status === 404 || status === 405) {
    return wrong("server", `${tls} answers ${status}`, `Check "url": it is no MCP endpoint`)
  }
  if (status >= 300 && status < 400) {
    return wrong("server", `${tls} redirects (${status})`, `Set "url" to where it is now`)
  }
  return wrong("server", `${tls} answers ${status}`, `Check "url" and "headers", or ask its provider`)
}

/** The line about the two clocks. */
export const ofClock = (met: Result.Result<Met, NetworkError>, now: number): Finding => {
  if (Result.isFailure(met)) return notReached("clock")
  const { date } = met.success
  if (date === undefined) return note("clock", "the server does not say what time it is")
  const apart = now - date
  if (Math.abs(apart) <= tolerance) return right("clock", "it agrees with the server's")
  const seconds = Math.round(Math.abs(apart) / 1000)
  return wrong(
    "clock",
    `this machine is ${seconds} seconds ${apart > 0 ? "ahead of" : "behind"} the server`,
    "Set the clock of this machine: tokens look ended, or not begun, otherwise"
  )
}

/** The line about what a 401 says. */
export const ofChallenge = (server: RemoteServer, met: Result.Result<Met, NetworkError>): Finding => {
  if (server.oauth.source._tag === "ByHand") {
    return note("challenge", "not needed: the endpoints are written by hand")
  }
  if (Result.isFailure(met)) return notReached("challenge")
  const { challenge, status } = met.success
  if (status !== 401) return note("challenge", `none, since it answers ${status}`)
  if (challenge === undefined) {
    return note("challenge", "none (its 401 has no Bearer challenge); its well-known addresses are asked")
  }
  const parts = [
    ...(challenge.resourceMetadata === undefined
      ? []
      : [`names its metadata, ${printable(challenge.resourceMetadata)}`]),
    ...(challenge.scope === undefined ? [] : [`asks for ${printable(challenge.scope)}`]),
    ...(challenge.dpop === true ? ["wants tokens that are bound to a key (DPoP)"] : [])
  ]
  return right("challenge", parts.length === 0 ? "a plain one" : parts.join("; "))
}

/** What finding the authorization server led to. */
export type Found =
  | { readonly _tag: "ByHand"; readonly authorizationServer: ResolvedAuthorizationServer }
  | {
      readonly _tag: "Discovered"
      readonly authorizationServer: ResolvedAuthorizationServer
      readonly discovered: DiscoveredServer
    }
  | { readonly _tag: "Failed"; readonly error: DiscoveryError | SignInNotOffered | NetworkError }
  /** The server itself cannot be reached. */
  | { readonly _tag: "Unreached" }

/** The line of a discovery that failed; the lines before it are right then. */
const brokenAt = (error: DiscoveryError | SignInNotOffered | NetworkError): Finding["check"] => {
  if (error._tag !== "DiscoveryError") return "metadata"
  switch (error.reason) {
    case "issuer mismatch":
    case "issuer not listed":
      return "issuer"
    case "resource mismatch":
      return "resource"
    case "moved":
      return "server"
    default:
      return "metadata"
  }
}

/** Nothing describes the authorization server: its endpoints are guessed, as revision 2025-03-26 of MCP has it. */
const isGuessed = (server: RemoteServer, found: Found): boolean =>
  found._tag === "Discovered" &&
  JSON.stringify(found.discovered.metadata) === JSON.stringify(endpointsWithoutMetadata(server.url))

/** Whether a browser is needed. */
export const wantsBrowser = (
  server: RemoteServer,
  authorizationServer: ResolvedAuthorizationServer
): boolean => grantFor(server, authorizationServer)._tag === "AuthorizationCode"

const ofDiscovered = (
  server: RemoteServer,
  found: Found & { readonly authorizationServer: ResolvedAuthorizationServer }
): Finding => {
  const { authorizationEndpoint, endpoints, issuer } = found.authorizationServer
  const at = printable(issuer)
  if (server.oauth.grant?._tag === "DeviceCode" && endpoints.deviceAuthorization === undefined) {
    return wrong("metadata", `of ${at}; it offers no device codes`, `Take "grant_type" out`)
  }
  if (lacksIssuer(server, found.authorizationServer)) {
    return wrong(
      "metadata",
      `of ${at}; it gives tokens to a client in its own name alone, and the configuration does not say that this one may prove itself there`,
      `"grant_type": "client_credentials", "issuer": ${JSON.stringify(at)}`
    )
  }
  if (authorizationEndpoint === undefined && wantsBrowser(server, found.authorizationServer)) {
    return wrong(
      "metadata",
      `of ${at}; it names no authorization_endpoint`,
      `"authorization_url", "token_url" and "client_id", if its provider documents them`
    )
  }
  return isGuessed(server, found)
    ? note("metadata", `none: /authorize, /token and /register of ${at} are used, as older servers have them`)
    : right("metadata", `of ${at}, its endpoints may be used`)
}

/** The line about the metadata. */
export const ofMetadata = (
  server: RemoteServer,
  found: Found,
  endpoints: Result.Result<void, NetworkError>
): Finding => {
  switch (found._tag) {
    case "Unreached":
      return notReached("metadata")
    case "ByHand":
      return Result.isFailure(endpoints)
        ? wrong("metadata", ...sentences(endpoints.failure.message))
        : right("metadata", "not asked for; the endpoints that are written by hand answer")
    case "Discovered":
      return ofDiscovered(server, found)
    case "Failed": {
      if (found.error._tag === "SignInNotOffered") return note("metadata", "none: it wants no sign-in")
      const broken = brokenAt(found.error)
      if (broken === "metadata") return wrong("metadata", ...sentences(found.error.message))
      return broken === "server" ? notReached("metadata") : right("metadata", "found")
    }
  }
}

/** The line of a check for which there is no authorization server. */
export const failedAt = (
  check: Finding["check"],
  found: Extract<Found, { readonly _tag: "Failed" | "Unreached" }>
): Finding => {
  if (found._tag === "Unreached") return notReached(check)
  if (found.error._tag === "SignInNotOffered") return note(check, "not needed")
  return brokenAt(found.error) === check ? wrong(check, ...sentences(found.error.message)) : notReached(check)
}

export const isFound = (found: Found): found is Exclude<Found, { readonly _tag: "Failed" | "Unreached" }> =>
  found._tag === "ByHand" || found._tag === "Discovered"

/** The line about the issuer. */
export const ofIssuer = (server: RemoteServer, found: Found): Finding => {
  const { oauth } = server
  if (!isFound(found)) return failedAt("issuer", found)
  if (found._tag === "ByHand") {
    return oauth.issuer === undefined
      ? note("issuer", "not known, so answers are not checked for it (RFC 9207)", `"issuer": "https://..."`)
      : right("issuer", `answers must come from ${oauth.issuer}`)
  }
  const { issuer, responseIssuerRequired } = found.authorizationServer
  if (isGuessed(server, found))
    return note("issuer", `${printable(issuer)}, where the server is; nothing confirms it`)
  const named = oauth.issuer === undefined ? "as the server names it" : "as the configuration names it"
  const said = `${printable(issuer)}, ${named}, and its metadata agrees`
  return responseIssuerRequired
    ? right("issuer", said)
    : note("issuer", `${said}; it does not announce that its answers say so (RFC 9207)`)
}

/** The line about the `resource` parameter (RFC 8707). */
export const ofResource = (server: RemoteServer, found: Found): Finding => {
  if (!isFound(found)) return failedAt("resource", found)
  const { resource } = found.authorizationServer
  if (resource === undefined && found._tag === "Discovered") {
    return server.oauth.sendResource === false
      ? note("resource", "not sent, as the configuration says", `Take "send_resource": false out`)
      : note(
          "resource",
          `not sent, since ${found.authorizationServer.provider?.name} refuses it`,
          `"send_resource": true`
        )
  }
  if (resource === undefined) {
    return note(
      "resource",
      "not sent, since the endpoints are written by hand (RFC 8707)",
      `"send_resource": true`
    )
  }
  const sent = printable(resource)
  if (resource === resourceOf(server)) return right("resource", sent)
  return found._tag === "ByHand"
    ? right("resource", `${sent}, as "extra_auth_params" has it`)
    : right("resource", `${sent}, as the server's metadata writes it for ${resourceOf(server)}`)
}

/** The line about what is known of the provider. */
export const ofProvider = ({ oauth }: RemoteServer, found: Found): Finding => {
  if (!isFound(found)) return failedAt("provider", found)
  const { provider } = found.authorizationServer
  if (!oauth.providerQuirks) return note("provider", `what is known of providers does not count`)
  if (provider === undefined) return right("provider", "none that is known to be special")
  const added = Object.entries(provider.extraAuthParams?.value ?? {}).map(
    ([name, value]) => `${name}=${value}`
  )
  const done = [
    ...(added.length === 0 ? [] : [`${added.join(" and ")} added`]),
    ...(provider.refusesResource === undefined ? [] : ["resource left out"]),
    ...(provider.silentOnPkce === undefined ? [] : ["PKCE assumed"])
  ]
  const said = `${provider.name}${done.length === 0 ? "" : `: ${done.join(", ")}`}`
  const hints = provider.hints?.map(({ value }) => value) ?? []
  return hints.length === 0 ? right("provider", said) : note("provider", said, hints.join(". "))
}

/** Where the scopes come from that are asked for. */
const originOf = ({ oauth }: RemoteServer, met: Result.Result<Met, NetworkError>): string => {
  if (oauth.scopes.length > 0) return "as the configuration writes them"
  return Result.isSuccess(met) && met.success.challenge?.scope !== undefined
    ? "as the server's challenge asks for"
    : "as the server's metadata lists them"
}

/** The line about the scopes. */
export const ofScopes = (
  server: RemoteServer,
  met: Result.Result<Met, NetworkError>,
  found: Found
): Finding => {
  if (!isFound(found)) return failedAt("scopes", found)
  const { grant, scopes: byHand } = server.oauth
  const { metadata, scopes: all } = found.authorizationServer
  const scopes =
    grant !== undefined && isNonInteractiveGrant(grant)
      ? all.filter((scope) => scope !== "offline_access")
      : all
  if (scopes.length === 0) return right("scopes", "none are named; the authorization server decides")
  const asked = byHand.length > 0 ? byHand : found._tag === "Discovered" ? found.discovered.scopes : scopes
  const added = scopes.filter((scope) => !asked.includes(scope))
  const said = [
    `${printable(scopes.join(" "))}, ${originOf(server, met)}`,
    ...(added.length === 0 ? [] : [`${printable(added.join(" "))} is added, since it is offered`])
  ].join("; ")
  const supported = metadata?.scopes_supported
  const unknown = byHand.filter((scope) => supported !== undefined && !supported.includes(scope))
  return unknown.length === 0
    ? right("scopes", said)
    : note(
        "scopes",
        `${said}; ${printable(unknown.join(" "))} is not among those that the authorization server lists`,
        `Check "scopes"`
      )
}

/** The line about the client. */
export const ofRegistration = (server: RemoteServer, found: Found): Finding => {
  if (!isFound(found)) return failedAt("registration", found)
  const { authorizationServer } = found
  const { clientMetadataUrl, source } = server.oauth
  const fixed = fixedClient(server, authorizationServer)
  if (fixed !== undefined) {
    const how =
      fixed.client.signingKey !== undefined
        ? "and a private key"
        : fixed.client.clientSecret === undefined
          ? "without a secret"
          : "and a secret"
    const unused = source.client !== undefined && clientMetadataUrl !== undefined
    if (fixed._tag === "MetadataDocument") {
      return right("registration", `the client is known by ${fixed.client.clientId}`)
    }
    const said = `client_id ${fixed.client.clientId} ${how}`
    return unused
      ? note(
          "registration",
          `${said}; client_metadata_url is not used, since client_id counts before it`,
          `Take "client_id" or "client_metadata_url" out`
        )
      : right("registration", said)
  }
  if (authorizationServer.metadata?.registration_endpoint !== undefined) {
    return right(
      "registration",
      `the client registers itself${clientMetadataUrl === undefined ? "" : "; client_metadata_url is not used, since no documents are taken"}`
    )
  }
  const takesDocument = authorizationServer.metadata?.client_id_metadata_document_supported === true
  return wrong(
    "registration",
    "the authorization server registers no clients by itself",
    `"client_id": "..." of an application that you register ${authorizationServer.provider?.registerAt === undefined ? "with the provider" : `at ${authorizationServer.provider.registerAt.value}`}${takesDocument ? `; or "client_metadata_url" of a document that you publish` : ""}`
  )
}

/** The line about PKCE. */
export const ofPkce = (server: RemoteServer, found: Found): Finding => {
  if (!isFound(found)) return failedAt("PKCE", found)
  const { oauth } = server
  if (!wantsBrowser(server, found.authorizationServer)) return note("PKCE", "not needed: no browser")
  if (!oauth.usePkce)
    return note("PKCE", "switched off", `Take "use_pkce": false out, where the provider does PKCE`)
  if (found._tag === "ByHand" || isGuessed(server, found)) return right("PKCE", "S256 is sent")
  const { metadata, provider } = found.authorizationServer
  const methods = metadata?.code_challenge_methods_supported
  if (methods?.includes("S256") === true) {
    if (oauth.assumePkce === true) return right("PKCE", "S256, announced or assumed")
    return found.discovered.metadata.code_challenge_methods_supported === undefined
      ? right("PKCE", `S256, which ${provider?.name} does without announcing it`)
      : right("PKCE", "S256, as the authorization server announces")
  }
  return wrong(
    "PKCE",
    methods === undefined ? "not announced" : `only ${printable(methods.join(" "))} is announced`,
    methods === undefined
      ? `"assume_pkce": true, where the provider says that it does S256 all the same`
      : `"use_pkce": false, where the provider says that it goes without S256`
  )
}

/** The line about DPoP (RFC 9449). */
export const ofDpop = ({ name, oauth }: RemoteServer, found: Found): Finding => {
  if (!isFound(found)) return failedAt("DPoP", found)
  const { dpopRequired, issuer, metadata } = found.authorizationServer
  if (!(oauth.dpop ?? dpopRequired)) {
    return dpopRequired
      ? wrong("DPoP", "switched off, and the server takes no tokens without it", `Take "dpop": false out`)
      : right("DPoP", "not asked for")
  }
  if (metadata !== undefined && metadata.dpop_signing_alg_values_supported?.includes("ES256") !== true) {
    return wrong(
      "DPoP",
      ...sentences(new DpopUnsupported({ server: name, issuer, required: dpopRequired }).message)
    )
  }
  return right(
    "DPoP",
    `tokens are bound to a key, as the ${oauth.dpop === true ? "configuration" : "server"} asks for`
  )
}

/** A point in time; in milliseconds since the epoch. */
const timeOf = (time: number): string =>
  Option.match(DateTime.make(time), { onNone: () => "a far day", onSome: DateTime.formatIso })

/** The line of a credential that counts, and of nobody's where there is none. */
export const ofCredential = (
  server: RemoteServer,
  key: CredentialKey,
  credential: Credential | undefined,
  now: number,
  isToBeSignedIn: boolean
): Finding => {
  const login = accountCommand("auth login", server.name, key.account)
  const tokens = credential?.tokens
  if (credential === undefined || tokens === undefined) {
    return isToBeSignedIn
      ? note("sign-in", "nobody is signed in", login)
      : note("sign-in", "nobody is signed in")
  }
  const { expiresAt, refreshToken } = tokens
  const hasEnded = tokens.isExpired(now)
  const isRenewed = refreshToken !== undefined || credential.nonInteractiveGrantAt(server) !== undefined
  if (hasEnded && !isRenewed) return note("sign-in", "it has expired and cannot be refreshed", login)
  const until =
    expiresAt === undefined
      ? "until the server says otherwise"
      : `${hasEnded ? "with a token that ended" : "until"} ${timeOf(expiresAt)}`
  const then = isRenewed ? "the next token comes by itself" : "no refresh token is there for more"
  const granted = printable(credential.grantedScopes.join(" "))
  return right(
    "sign-in",
    `${accountName(server.name, key.account)} is signed in to ${until}${granted === "" ? "" : `, for ${granted}`}; ${then}`
  )
}

/** The line about the proxy. */
export const ofRoute = ({ obstacle, place, variable }: ProxyRoute): Finding => {
  if (obstacle === undefined) return right("proxy", `${variable} names ${place}, and requests go through it`)
  switch (obstacle) {
    case "runtime":
      return wrong(
        "proxy",
        `${variable} names ${place}, which this version of Node does not use by itself`,
        "Set NODE_USE_ENV_PROXY=1, or use Node 24.14 or later"
      )
    case "variable":
      return note(
        "proxy",
        `${variable} names ${place}, and is not read: the server is reached directly`,
        "Set HTTPS_PROXY (and HTTP_PROXY) to the same address, where it is needed"
      )
    case "address":
      return wrong(
        "proxy",
        `${variable} is ${place}, and is passed over`,
        `Set ${variable} to an address such as http://proxy.example.com:3128, or take it out`
      )
  }
}
