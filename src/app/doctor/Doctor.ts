import { Clock, Context, Effect, Layer, Option, Redacted, Result } from "effect"
import { bearerChallenge, silentChallenge } from "../../domain/Challenge.ts"
import { CredentialKey } from "../../domain/CredentialKey.ts"
import type { RemoteServer } from "../../domain/Server.ts"
import { accountCommand, AuthorizationServerChanged } from "../../domain/SignInError.ts"
import { CallbackListener } from "../../ports/CallbackListener.ts"
import { CredentialStore } from "../../ports/CredentialStore.ts"
import { Discovery } from "../../ports/Discovery.ts"
import { discardBody, HttpTransport, type NetworkError } from "../../ports/HttpTransport.ts"
import { Proxy } from "../../ports/Proxy.ts"
import { resolvedByHand, resolvedByDiscovery } from "../signin/ResolvedAuthorizationServer.ts"
import { ChosenStorage } from "../storage/ChosenStorage.ts"
import {
  failedAt,
  type Finding,
  type Found,
  isFound,
  isOpen,
  isPassing,
  type Met,
  note,
  ofChallenge,
  ofClock,
  ofCredential,
  ofDpop,
  ofIssuer,
  ofMetadata,
  ofPkce,
  ofProvider,
  ofRegistration,
  ofResource,
  ofRoute,
  ofScopes,
  ofServer,
  right,
  sentences,
  wantsBrowser,
  wrong
} from "./DoctorFindings.ts"
import { fixedClient } from "../signin/SignInClient.ts"
import { StorageCheck } from "../storage/StorageCheck.ts"

export { checks, type Finding } from "./DoctorFindings.ts"

/** A request that any MCP server may refuse, as one outside a session, and none acts on. */
const ping = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" })

/** Finds out what stands between a user and a sign-in, without one: no browser opens, no client is registered, and no
 * token is sent anywhere. */
export class Doctor extends Context.Service<
  Doctor,
  {
    /** Every line, once each and in the order of {@link checks}. Nothing that is wrong is an error here. */
    readonly examine: (server: RemoteServer, account?: string) => Effect.Effect<ReadonlyArray<Finding>>
  }
>()("mcp-cli-oauth/app/doctor/Doctor") {}

/** @see Doctor */
export const layer: Layer.Layer<
  Doctor,
  never,
  CallbackListener | ChosenStorage | CredentialStore | Discovery | HttpTransport | Proxy | StorageCheck
> = Layer.effect(
  Doctor,
  Effect.gen(function* () {
    const chosen = yield* ChosenStorage
    const discovery = yield* Discovery
    const listener = yield* CallbackListener
    const proxy = yield* Proxy
    const store = yield* CredentialStore
    const storageCheck = yield* StorageCheck
    const transport = yield* HttpTransport

    const ask = Effect.fn("Doctor.ask")(function* (server: RemoteServer, method: "GET" | "POST") {
      const headers = new Headers()
      for (const [name, value] of Object.entries(server.headers)) headers.set(name, Redacted.value(value))
      headers.delete("authorization")
      if (method === "POST") headers.set("content-type", "application/json")
      headers.set("accept", method === "POST" ? "application/json, text/event-stream" : "text/event-stream")
      const body = method === "POST" ? { body: ping } : {}
      const response = yield* transport.send(new Request(server.url, { method, headers, ...body }))
      yield* discardBody(response)
      const date = Date.parse(response.headers.get("date") ?? "")
      return {
        status: response.status,
        streams: response.headers.get("content-type")?.startsWith("text/event-stream") === true,
        challenge: bearerChallenge(response.headers.get("www-authenticate")),
        date: Number.isNaN(date) ? undefined : date
      }
    })

    /** Servers of the older SSE transport answer a GET, and a POST with 400, 404 or 405 (MCP "Transports"). */
    const meet = Effect.fn("Doctor.meet")(function* (
      server: RemoteServer
    ): Effect.fn.Return<Met, NetworkError> {
      if (server.transport === "sse") return yield* ask(server, "GET")
      const posted = yield* ask(server, "POST")
      if (![400, 404, 405].includes(posted.status)) return posted
      const got = yield* Effect.result(ask(server, "GET"))
      // Where that leads nowhere, what it said to the usual request counts.
      return Result.isSuccess(got) && (got.success.status === 401 || got.success.streams)
        ? got.success
        : posted
    })

    /** Endpoints written by hand: any answer to a request that asks for nothing is good. */
    const reachEndpoints = Effect.fn("Doctor.reachEndpoints")(function* ({
      oauth: { source }
    }: RemoteServer) {
      if (source._tag !== "ByHand") return
      for (const endpoint of [source.authorizationEndpoint, source.tokenEndpoint]) {
        if (endpoint === undefined) continue
        const response = yield* transport.send(new Request(endpoint))
        yield* discardBody(response)
      }
    })

    const find = Effect.fn("Doctor.find")(function* (
      server: RemoteServer,
      met: Result.Result<Met, NetworkError>
    ): Effect.fn.Return<Found> {
      const { source } = server.oauth
      if (source._tag === "ByHand")
        return { _tag: "ByHand", authorizationServer: resolvedByHand(server, source) }
      if (Result.isFailure(met)) return { _tag: "Unreached" }
      const { challenge, status: code } = met.success
      if (isPassing(code)) return { _tag: "Unreached" }
      const asked = code === 401 ? (challenge ?? silentChallenge) : undefined
      return yield* discovery.discover(server, asked).pipe(
        Effect.match({
          onFailure: (error): Found =>
            error._tag === "SignInNotOffered" && !isOpen(code)
              ? { _tag: "Unreached" }
              : { _tag: "Failed", error },
          onSuccess: (discovered): Found => ({
            _tag: "Discovered",
            discovered,
            authorizationServer: resolvedByDiscovery(server, discovered)
          })
        })
      )
    })

    const ofProxy = Effect.fn("Doctor.ofProxy")(function* (server: RemoteServer) {
      const route = yield* proxy.routeTo(server.url)
      return route === undefined ? right("proxy", "none: the server is reached directly") : ofRoute(route)
    })

    const ofRedirect = Effect.fn("Doctor.ofRedirect")(function* (server: RemoteServer, found: Found) {
      if (!isFound(found)) return failedAt("redirect", found)
      const { redirectUri } = server.oauth
      if (!wantsBrowser(server, found.authorizationServer)) {
        return note("redirect", "not needed: no browser comes back to this machine")
      }
      const isFixed = fixedClient(server, found.authorizationServer) !== undefined
      if (isFixed && redirectUri.port === "") {
        return note(
          "redirect",
          `${redirectUri.href}, at whichever port is free: the client must be registered for it, and its provider must not mind the port (RFC 8252 §7.3)`,
          `"redirect_uri" with the port that the client is registered for, if its provider compares it letter by letter`
        )
      }
      const bound = yield* Effect.result(
        Effect.scoped(listener.bind({ server: server.name, redirectUri, portMayMove: false }))
      )
      const other = { localhost: "127.0.0.1", "127.0.0.1": "localhost" }[redirectUri.hostname]
      const known = isFixed
        ? `; the client must be registered for it, letter by letter${other === undefined ? "" : ` (${other} is another address)`}`
        : ""
      if (Result.isSuccess(bound))
        return right("redirect", `${redirectUri.href}, and its port is free${known}`)
      if (bound.failure._tag === "RedirectPortBusy" && !isFixed) {
        return note("redirect", `${redirectUri.href} is taken now; another port will be used`)
      }
      return wrong("redirect", ...sentences(bound.failure.message))
    })

    const ofSignIn = Effect.fn("Doctor.ofSignIn")(function* (
      server: RemoteServer,
      key: CredentialKey,
      found: Found
    ) {
      const stored = yield* Effect.result(store.get(key))
      if (Result.isFailure(stored)) return wrong("sign-in", ...sentences(stored.failure.message))
      const credential = Option.getOrUndefined(stored.success)
      if (credential !== undefined && !credential.isFor(server)) {
        return note(
          "sign-in",
          "what is kept is for another address, issuer, client or grant than the configuration has now, and is not used",
          accountCommand("auth login", server.name, key.account)
        )
      }
      if (
        credential?.registration._tag === "Configured" &&
        found._tag === "Discovered" &&
        server.oauth.issuer === undefined &&
        credential.issuer !== found.authorizationServer.issuer
      ) {
        const { issuer: before } = credential
        const { issuer: now } = found.authorizationServer
        const { account } = key
        const changed = new AuthorizationServerChanged({ server: server.name, account, before, now })
        return wrong("sign-in", ...sentences(changed.message))
      }
      return ofCredential(server, key, credential, yield* Clock.currentTimeMillis, isFound(found))
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

    const examine = Effect.fn("Doctor.examine")(function* (server: RemoteServer, account?: string) {
      const met = yield* Effect.result(meet(server))
      const now = yield* Clock.currentTimeMillis
      const found = yield* find(server, met)
      const endpoints = yield* Effect.result(reachEndpoints(server))
      return [
        yield* ofProxy(server),
        ofServer(server, met, found),
        ofClock(met, now),
        ofChallenge(server, met),
        ofMetadata(server, found, endpoints),
        ofProvider(server, found),
        ofIssuer(server, found),
        ofResource(server, found),
        ofScopes(server, met, found),
        ofRegistration(server, found),
        ofPkce(server, found),
        ofDpop(server, found),
        yield* ofRedirect(server, found),
        yield* ofSignIn(server, CredentialKey.of(server.name, account), found),
        yield* ofStorage
      ]
    })

    return Doctor.of({ examine })
  })
)
