import { Clock, Context, Effect, Layer, Redacted, Result } from "effect"
import type { DiscoveredServer } from "../domain/AuthorizationServer.ts"
import { type BearerChallenge, bearerChallenge, silentChallenge } from "../domain/Challenge.ts"
import { CredentialKey } from "../domain/CredentialKey.ts"
import { printable } from "../domain/PrintableText.ts"
import { type HttpServer, isMachineGrant, resourceOf } from "../domain/Server.ts"
import { accountCommand, accountName } from "../domain/SignInError.ts"
import { CallbackListener } from "../ports/CallbackListener.ts"
import { Discovery, type DiscoveryError, type SignInNotOffered } from "../ports/Discovery.ts"
import { HttpTransport, type NetworkError } from "../ports/HttpTransport.ts"
import { Proxy } from "../ports/Proxy.ts"
import { type Authority, authorityByHand, authorityDiscovered } from "./Authority.ts"
import { ChosenStorage } from "./ChosenStorage.ts"
import { CredentialStatus } from "./CredentialStatus.ts"
import { fixedClient } from "./FlowClient.ts"
import { StorageCheck } from "./StorageCheck.ts"

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
  readonly mend?: string
}

/** Finds out what stands between a person and a sign-in, without one: no browser opens, no client is registered, and no
 * token is sent anywhere. */
export class Doctor extends Context.Service<
  Doctor,
  {
    /** Every line, once each and in the order of {@link checks}. Nothing that is wrong is an error here. */
    readonly examine: (server: HttpServer, account?: string) => Effect.Effect<ReadonlyArray<Finding>>
  }
>()("mcp-cli-oauth/app/Doctor") {}

/** Apart by more than this the clocks of two machines make tokens look ended, or not begun; in milliseconds. */
const tolerance = 60_000

/** A request that any MCP server may refuse and none acts on. */
const ping = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" })

const right = (check: Finding["check"], said: string): Finding => ({ check, verdict: "right", said })
const note = (check: Finding["check"], said: string, mend?: string): Finding => ({
  check,
  verdict: "note",
  said,
  ...(mend === undefined ? {} : { mend })
})
const wrong = (check: Finding["check"], said: string, mend: string): Finding => ({
  check,
  verdict: "wrong",
  said,
  mend
})
const notReached = (check: Finding["check"]): Finding => ({
  check,
  verdict: "not reached",
  said: "something before it is wrong"
})

/** The sentences of an error: what happened, and what to do. */
const sentences = (message: string): readonly [said: string, mend: string] => {
  const [said = message, ...mend] = message.split(/\. (?=[A-Z])/)
  return [said, mend.join(". ").replace(/\.$/, "") || "Try again later"]
}

/** What the server answers to a request without a token. */
interface Met {
  readonly status: number
  readonly challenge: BearerChallenge | undefined
  readonly date: number | undefined
}

const hasOwnAuthorization = (server: HttpServer): boolean =>
  Object.keys(server.headers).some((name) => name.toLowerCase() === "authorization")

const ofServer = (server: HttpServer, met: Result.Result<Met, NetworkError>): Finding => {
  if (Result.isFailure(met)) return wrong("server", ...sentences(met.failure.message))
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
  if (status >= 200 && status < 300) return note("server", `${tls} answers without a sign-in (${status})`)
  if (status === 404 || status === 405) {
    return wrong("server", `${tls} answers ${status}`, `Check "url": it is no MCP endpoint`)
  }
  if (status >= 300 && status < 400) {
    return wrong("server", `${tls} redirects (${status})`, `Set "url" to where it is now`)
  }
  return wrong("server", `${tls} answers ${status}`, `Check "url" and "headers", or ask its provider`)
}

const ofClock = (met: Result.Result<Met, NetworkError>, now: number): Finding => {
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

const ofChallenge = (server: HttpServer, met: Result.Result<Met, NetworkError>): Finding => {
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
type Found =
  | { readonly _tag: "ByHand"; readonly authority: Authority }
  | { readonly _tag: "Discovered"; readonly authority: Authority; readonly discovered: DiscoveredServer }
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
    default:
      return "metadata"
  }
}

const ofMetadata = (found: Found, endpoints: Result.Result<void, NetworkError>): Finding => {
  switch (found._tag) {
    case "Unreached":
      return notReached("metadata")
    case "ByHand":
      return Result.isFailure(endpoints)
        ? wrong("metadata", ...sentences(endpoints.failure.message))
        : right("metadata", "not asked for; the endpoints that are written by hand answer")
    case "Discovered":
      return right("metadata", `of ${printable(found.authority.issuer)}, its endpoints may be used`)
    case "Failed":
      if (found.error._tag === "SignInNotOffered") return note("metadata", "none: it wants no sign-in")
      return brokenAt(found.error) === "metadata"
        ? wrong("metadata", ...sentences(found.error.message))
        : right("metadata", "found")
  }
}

/** The line of a check for which there is no authorization server. */
const failedAt = (
  check: Finding["check"],
  found: Extract<Found, { readonly _tag: "Failed" | "Unreached" }>
): Finding => {
  if (found._tag === "Unreached") return notReached(check)
  if (found.error._tag === "SignInNotOffered") return note(check, "not needed")
  return brokenAt(found.error) === check ? wrong(check, ...sentences(found.error.message)) : notReached(check)
}

const isFound = (found: Found): found is Exclude<Found, { readonly _tag: "Failed" | "Unreached" }> =>
  found._tag === "ByHand" || found._tag === "Discovered"

const ofIssuer = ({ oauth }: HttpServer, found: Found): Finding => {
  if (!isFound(found)) return failedAt("issuer", found)
  if (found._tag === "ByHand") {
    return oauth.issuer === undefined
      ? note("issuer", "not known, so answers are not checked for it (RFC 9207)", `"issuer": "https://..."`)
      : right("issuer", `answers must come from ${oauth.issuer}`)
  }
  const { issuer, responseIssuerRequired } = found.authority
  const named = oauth.issuer === undefined ? "as the server names it" : "as the configuration names it"
  const said = `${printable(issuer)}, ${named}, and its metadata agrees`
  return responseIssuerRequired
    ? right("issuer", said)
    : note("issuer", `${said}; it does not announce that its answers say so (RFC 9207)`)
}

const ofResource = (server: HttpServer, found: Found): Finding => {
  if (!isFound(found)) return failedAt("resource", found)
  const { resource } = found.authority
  if (resource === undefined && found._tag === "Discovered") {
    return server.oauth.sendResource === false
      ? note("resource", "not sent, as the configuration says", `Take "send_resource": false out`)
      : note(
          "resource",
          `not sent, since ${found.authority.provider?.name} refuses it`,
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
  return right(
    "resource",
    resource === resourceOf(server) ? resource : `${resource}, which stands above the server`
  )
}

const ofProvider = ({ oauth }: HttpServer, found: Found): Finding => {
  if (!isFound(found)) return failedAt("provider", found)
  const { provider } = found.authority
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

const ofScopes = ({ oauth }: HttpServer, found: Found): Finding => {
  if (!isFound(found)) return failedAt("scopes", found)
  const { metadata, scopes } = found.authority
  if (scopes.length === 0) return right("scopes", "none are named; the authorization server decides")
  const list = printable(scopes.join(" "))
  const supported = metadata?.scopes_supported
  const unknown = scopes.filter((scope) => supported !== undefined && !supported.includes(scope))
  if (oauth.scopes.length === 0) return right("scopes", `${list}, as the server asks for`)
  return unknown.length === 0
    ? right("scopes", `${list}, as the configuration writes them`)
    : note(
        "scopes",
        `${list}, as the configuration writes them; ${printable(unknown.join(" "))} is not among those that the authorization server lists`,
        `Check "scopes"`
      )
}

const ofRegistration = (server: HttpServer, found: Found): Finding => {
  if (!isFound(found)) return failedAt("registration", found)
  const { authority } = found
  const { clientMetadataUrl, source } = server.oauth
  const fixed = fixedClient(server, authority)
  if (fixed !== undefined) {
    const how =
      fixed.client.signingKey !== undefined
        ? "and a private key"
        : fixed.client.clientSecret === undefined
          ? "without a secret"
          : "and a secret"
    const unused = source.client !== undefined && clientMetadataUrl !== undefined
    return right(
      "registration",
      fixed._tag === "Configured"
        ? `client_id ${fixed.client.clientId} ${how}${unused ? "; client_metadata_url is not used" : ""}`
        : `the client is known by ${fixed.client.clientId}`
    )
  }
  if (authority.metadata?.registration_endpoint !== undefined) {
    return right(
      "registration",
      `the client registers itself${clientMetadataUrl === undefined ? "" : "; client_metadata_url is not used, since no documents are taken"}`
    )
  }
  const takesDocument = authority.metadata?.client_id_metadata_document_supported === true
  return wrong(
    "registration",
    "the authorization server registers no clients by itself",
    `"client_id": "..." of an application that you register ${authority.provider?.registerAt === undefined ? "with the provider" : `at ${authority.provider.registerAt.value}`}${takesDocument ? `; or "client_metadata_url" of a document that you publish` : ""}`
  )
}

const ofPkce = ({ oauth }: HttpServer, found: Found): Finding => {
  if (!isFound(found)) return failedAt("PKCE", found)
  if (oauth.grant !== undefined && isMachineGrant(oauth.grant)) return note("PKCE", "not needed: no browser")
  if (!oauth.usePkce)
    return note("PKCE", "switched off", `Take "use_pkce": false out, where the provider does PKCE`)
  if (found._tag === "ByHand") return right("PKCE", "S256 is sent")
  const methods = found.authority.metadata?.code_challenge_methods_supported
  if (methods?.includes("S256") === true) {
    return oauth.assumePkce === true
      ? right("PKCE", "S256, announced or assumed")
      : right("PKCE", "S256, as the authorization server announces")
  }
  return wrong(
    "PKCE",
    methods === undefined ? "not announced" : `only ${printable(methods.join(" "))} is announced`,
    `"assume_pkce": true, where the provider says that it does S256 all the same`
  )
}

/** @see Doctor */
export const layer: Layer.Layer<
  Doctor,
  never,
  CallbackListener | ChosenStorage | CredentialStatus | Discovery | HttpTransport | Proxy | StorageCheck
> = Layer.effect(
  Doctor,
  Effect.gen(function* () {
    const chosen = yield* ChosenStorage
    const discovery = yield* Discovery
    const listener = yield* CallbackListener
    const proxy = yield* Proxy
    const status = yield* CredentialStatus
    const storageCheck = yield* StorageCheck
    const transport = yield* HttpTransport

    const meet = Effect.fn("Doctor.meet")(function* (server: HttpServer) {
      const headers = new Headers()
      for (const [name, value] of Object.entries(server.headers)) headers.set(name, Redacted.value(value))
      headers.delete("authorization")
      headers.set("content-type", "application/json")
      headers.set("accept", "application/json, text/event-stream")
      const response = yield* transport.send(new Request(server.url, { method: "POST", headers, body: ping }))
      yield* Effect.promise(async () => response.body?.cancel().catch(() => undefined))
      const date = Date.parse(response.headers.get("date") ?? "")
      return {
        status: response.status,
        challenge: bearerChallenge(response.headers.get("www-authenticate")),
        date: Number.isNaN(date) ? undefined : date
      }
    })

    /** Endpoints written by hand: any answer to a request that asks for nothing is good. */
    const reachEndpoints = Effect.fn("Doctor.reachEndpoints")(function* ({ oauth: { source } }: HttpServer) {
      if (source._tag !== "ByHand") return
      for (const endpoint of [source.authorizationEndpoint, source.tokenEndpoint]) {
        if (endpoint === undefined) continue
        const response = yield* transport.send(new Request(endpoint))
        yield* Effect.promise(async () => response.body?.cancel().catch(() => undefined))
      }
    })

    const find = Effect.fn("Doctor.find")(function* (
      server: HttpServer,
      met: Result.Result<Met, NetworkError>
    ): Effect.fn.Return<Found> {
      const { source } = server.oauth
      if (source._tag === "ByHand") return { _tag: "ByHand", authority: authorityByHand(server, source) }
      if (Result.isFailure(met)) return { _tag: "Unreached" }
      const { challenge, status: code } = met.success
      const asked = code === 401 ? (challenge ?? silentChallenge) : undefined
      return yield* discovery.discover(server, asked).pipe(
        Effect.match({
          onFailure: (error): Found => ({ _tag: "Failed", error }),
          onSuccess: (discovered): Found => ({
            _tag: "Discovered",
            discovered,
            authority: authorityDiscovered(server, discovered)
          })
        })
      )
    })

    const ofProxy = Effect.fn("Doctor.ofProxy")(function* (server: HttpServer) {
      const route = yield* proxy.routeTo(server.url)
      if (route === undefined) return right("proxy", "none: the server is reached directly")
      const through = `${route.variable} names ${route.place}`
      return route.used
        ? right("proxy", `${through}, and requests go through it`)
        : wrong(
            "proxy",
            `${through}, which this version of Node does not use by itself`,
            "Set NODE_USE_ENV_PROXY=1, or use Node 24.14 or later"
          )
    })

    const ofRedirect = Effect.fn("Doctor.ofRedirect")(function* (server: HttpServer, found: Found) {
      if (!isFound(found)) return failedAt("redirect", found)
      const { grant, redirectUri } = server.oauth
      if (grant !== undefined && grant._tag !== "AuthorizationCode") {
        return note("redirect", "not needed: no browser comes back to this machine")
      }
      const isFixed = fixedClient(server, found.authority) !== undefined
      const bound = yield* Effect.result(
        Effect.scoped(listener.bind({ server: server.name, redirectUri, portMayMove: false }))
      )
      const known = isFixed ? "; the client must be registered for it, letter by letter" : ""
      if (Result.isSuccess(bound))
        return right("redirect", `${redirectUri.href}, and its port is free${known}`)
      if (bound.failure._tag === "RedirectPortBusy" && !isFixed) {
        return note("redirect", `${redirectUri.href} is taken now; another port will be used`)
      }
      return wrong("redirect", ...sentences(bound.failure.message))
    })

    const ofSignIn = Effect.fn("Doctor.ofSignIn")(function* (server: HttpServer, key: CredentialKey) {
      const { problem, scopes, state } = yield* status.of(key)
      const login = accountCommand("auth login", server.name, key.account)
      switch (state) {
        case "signed in":
        case "refreshable": {
          const granted = scopes.length === 0 ? "" : `, for ${printable(scopes.join(" "))}`
          return right("sign-in", `${accountName(server.name, key.account)} is signed in to${granted}`)
        }
        case "expired":
          return note("sign-in", "it has expired and cannot be refreshed", login)
        case "signed out":
          return note("sign-in", "nobody has signed in yet", login)
        case "unreadable":
          return wrong("sign-in", ...sentences(problem ?? "what is stored cannot be read"))
      }
    })

    const ofStorage = Effect.gen(function* () {
      const inUse = yield* chosen.inUse
      const took = yield* storageCheck.check
      return right(
        "storage",
        `${inUse.backend}, because ${inUse.reason}; wrote, read and removed a test entry in ${Math.round(took)} ms`
      )
    }).pipe(
      Effect.catch((error) => Effect.succeed(wrong("storage", ...sentences(error.message)))),
      Effect.withSpan("Doctor.ofStorage")
    )

    const examine = Effect.fn("Doctor.examine")(function* (server: HttpServer, account?: string) {
      const met = yield* Effect.result(meet(server))
      const now = yield* Clock.currentTimeMillis
      const found = yield* find(server, met)
      const endpoints = yield* Effect.result(reachEndpoints(server))
      return [
        yield* ofProxy(server),
        ofServer(server, met),
        ofClock(met, now),
        ofChallenge(server, met),
        ofMetadata(found, endpoints),
        ofProvider(server, found),
        ofIssuer(server, found),
        ofResource(server, found),
        ofScopes(server, found),
        ofRegistration(server, found),
        ofPkce(server, found),
        yield* ofRedirect(server, found),
        yield* ofSignIn(server, CredentialKey.of(server.name, account)),
        yield* ofStorage
      ]
    })

    return Doctor.of({ examine })
  })
)
