import { Effect, Option, Redacted } from "effect"
import {
  ProtectedResourceMetadata,
  protectedResourceMetadataUrls,
  resourceCovers
} from "../../domain/AuthorizationServer.ts"
import { printable } from "../../domain/PrintableText.ts"
import { type RemoteServer, resourceOf } from "../../domain/Server.ts"
import { isTransientStatus } from "../../domain/TransientStatus.ts"
import { DiscoveryError } from "../../ports/Discovery.ts"
import { discardBody, type HttpTransport, NetworkError } from "../../ports/HttpTransport.ts"
import { retryNetworkErrors, withTimeout } from "./DiscoveryRetry.ts"
import { discoveryLimits } from "./OAuthLimits.ts"
import type { MetadataDocuments } from "./MetadataDocuments.ts"

/** A request that any MCP server may refuse and none acts on. Only whether it requires a token matters. */
const ping = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" })

const pingRequest = (server: RemoteServer) =>
  Effect.try({
    try: () => {
      const headers = new Headers()
      for (const [name, value] of Object.entries(server.headers)) headers.set(name, Redacted.value(value))
      // The server sends no challenge to a request that has a token.
      headers.delete("authorization")
      headers.set("content-type", "application/json")
      headers.set("accept", "application/json, text/event-stream")
      return new Request(server.url, { method: "POST", headers, body: ping })
    },
    catch: () =>
      new DiscoveryError({
        server: server.name,
        reason: "configuration",
        detail: `HTTP cannot send its "url" or "headers"`
      })
  })

/** Sends the server a request without a token, and returns the head of its answer. */
export const probe = Effect.fn("Discovery.probe")(function* (
  transport: HttpTransport["Service"],
  server: RemoteServer
) {
  const { origin } = server.url
  const attempt = Effect.gen(function* () {
    const request = yield* pingRequest(server)
    const response = yield* transport.send(request, { timeout: discoveryLimits.headTimeout })
    yield* discardBody(response)
    return isTransientStatus(response.status)
      ? yield* new NetworkError({ origin, detail: `HTTP ${response.status}` })
      : response
  })
  return yield* retryNetworkErrors(attempt).pipe(withTimeout(origin))
})

/**
 * Finds the protected resource metadata of a server (RFC 9728 §3). None if it has none.
 *
 * @param named the address in its challenge; metadata has to exist then
 */
export const findResource = Effect.fn("Discovery.findResource")(function* (
  documents: MetadataDocuments,
  server: RemoteServer,
  named: string | undefined
) {
  const fail = (reason: "no metadata" | "resource mismatch", detail: string) =>
    new DiscoveryError({ server: server.name, reason, detail })
  // The address in a challenge may be wrong, as behind a proxy; the well-known addresses of the server count as well.
  const addresses = [...(named === undefined ? [] : [named]), ...protectedResourceMetadataUrls(server.url)]
  for (const address of new Set(addresses)) {
    const found = yield* documents.read(
      ProtectedResourceMetadata,
      address,
      "the resource_metadata of its challenge"
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
  if (named !== undefined) {
    return yield* fail(
      "no metadata",
      "there is no metadata at the address in its challenge, nor at its well-known addresses"
    )
  }
  return Option.none<ProtectedResourceMetadata>()
})
