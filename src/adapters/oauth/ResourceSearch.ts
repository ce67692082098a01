import { Effect, Option, Redacted } from "effect"
import {
  ProtectedResourceMetadata,
  protectedResourceMetadataUrls,
  resourceCovers
} from "../../domain/AuthorizationServer.ts"
import { printable } from "../../domain/PrintableText.ts"
import { redirectOf } from "../../domain/Redirect.ts"
import { isSameOrigin } from "../../domain/SecureUrl.ts"
import { type RemoteServer, resourceOf } from "../../domain/Server.ts"
import { lacksScheme } from "../../domain/ServerRules.ts"
import { isTransientStatus } from "../../domain/TransientStatus.ts"
import { DiscoveryError } from "../../ports/Discovery.ts"
import { discardBody, type HttpTransport, NetworkError } from "../../ports/HttpTransport.ts"
import { retryNetworkErrors, withTimeout } from "./DiscoveryRetry.ts"
import { discoveryLimits } from "./OAuthLimits.ts"
import type { MetadataDocuments } from "./MetadataDocuments.ts"

/** A request that any MCP server may refuse and none acts on. Only whether it requires a token matters. */
const ping = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" })

/** The configured headers of a server, without a token: it sends no challenge to a request that has one. */
export const headersOf = (server: RemoteServer, accept: string): Headers => {
  const headers = new Headers()
  for (const [name, value] of Object.entries(server.headers)) headers.set(name, Redacted.value(value))
  headers.delete("authorization")
  headers.set("accept", accept)
  return headers
}

const pingRequest = (server: RemoteServer) =>
  Effect.try({
    try: () => {
      const headers = headersOf(server, "application/json, text/event-stream")
      headers.set("content-type", "application/json")
      return new Request(server.url, { method: "POST", headers, body: ping })
    },
    catch: () =>
      new DiscoveryError({
        server: server.name,
        reason: "configuration",
        detail: `HTTP cannot send its "url" or "headers"`
      })
  })

/** Sends a request, and again where it is redirected to within its origin, as a session with the server does. */
export const followingRedirects =
  <E>(send: (request: Request) => Effect.Effect<Response, E>) =>
  (first: Request): Effect.Effect<{ readonly response: Response; readonly url: string }, E> =>
    Effect.gen(function* () {
      let request = first
      for (let left: number = discoveryLimits.maxRedirects; ; left--) {
        const next = request.clone()
        const response = yield* send(request)
        const redirect = redirectOf(request, response)
        if (redirect?.mayFollow !== true || left === 0) return { response, url: request.url }
        yield* discardBody(response)
        request = new Request(redirect.target, next)
      }
    })

/** Sends the server a request without a token, and returns the head of its answer. */
export const probe = Effect.fn("Discovery.probe")(function* (
  transport: HttpTransport["Service"],
  server: RemoteServer
) {
  const { origin } = server.url
  const attempt = Effect.gen(function* () {
    const { response } = yield* followingRedirects((request) =>
      transport.send(request, { timeout: discoveryLimits.headTimeout })
    )(yield* pingRequest(server))
    yield* discardBody(response)
    return isTransientStatus(response.status)
      ? yield* new NetworkError({ origin, detail: `HTTP ${response.status}`, status: response.status })
      : response
  })
  return yield* retryNetworkErrors(attempt).pipe(withTimeout(origin))
})

/** True for a URL with its scheme. `URL` takes the host of one without for the scheme, if a port follows it. */
const isWhole = (text: string): boolean => URL.canParse(text) && !lacksScheme(text)

/**
 * The address of metadata that a challenge names. A relative one counts at the origin of the server alone. Undefined: it is
 * no address, and the well-known ones remain.
 */
const namedAddress = (server: RemoteServer, named: string | undefined): string | undefined => {
  if (named === undefined || isWhole(named)) return named
  const resolved = URL.parse(named, server.url)
  return resolved !== null && isSameOrigin(resolved, server.url) ? resolved.href : undefined
}

/** True for the address of a server that does not know that it is behind TLS: a proxy ends it, and is the host that it names. */
const lostTls = ({ url }: RemoteServer, address: string): boolean => {
  const named = URL.parse(address)
  return named?.protocol === "http:" && url.protocol === "https:" && named.hostname === url.hostname
}

/**
 * Finds the protected resource metadata of a server (RFC 9728 §3). None if it has none.
 *
 * @param written the address in its challenge; metadata has to exist if it is a whole one
 */
export const findResource = Effect.fn("Discovery.findResource")(function* (
  documents: MetadataDocuments,
  server: RemoteServer,
  written: string | undefined
) {
  const named = namedAddress(server, written)
  const fail = (reason: "no metadata" | "resource mismatch", detail: string) =>
    new DiscoveryError({ server: server.name, reason, detail })
  // The address in a challenge may be wrong or internal, as behind a proxy; the well-known ones of the server count as well.
  const own = protectedResourceMetadataUrls(server.url)
  const addresses = [...new Set(named === undefined ? own : [named, ...own])]
  let failure: DiscoveryError | NetworkError | undefined
  for (const address of addresses) {
    const found = yield* documents
      .read(ProtectedResourceMetadata, address, "the resource_metadata of its challenge")
      .pipe(
        Effect.catchIf(
          (error) => !own.includes(address) && (error._tag === "NetworkError" || lostTls(server, address)),
          (error) => {
            failure = error
            return Effect.succeedNone
          }
        )
      )
    if (Option.isNone(found)) continue
    const resource = URL.parse(found.value.resource)
    if (resource === null || !resourceCovers(resource, server.url)) {
      return yield* fail(
        "resource mismatch",
        `its metadata is for another resource, ${printable(found.value.resource)}, than ${resourceOf(server)} (RFC 9728)`
      )
    }
    return found
  }
  if (failure !== undefined) return yield* failure
  if (written !== undefined && isWhole(written)) {
    return yield* fail(
      "no metadata",
      documents.faultAt(addresses) ??
        "there is no metadata at the address in its challenge, nor at its well-known addresses"
    )
  }
  return Option.none<ProtectedResourceMetadata>()
})
