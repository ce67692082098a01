import { Effect, Layer, Option, Redacted, Schedule, Schema } from "effect"
import {
  AuthorizationServerMetadata,
  authorizationServerMetadataUrls,
  ProtectedResourceMetadata,
  protectedResourceMetadataUrls,
  resourceCovers
} from "../../domain/AuthorizationServer.ts"
import { type BearerChallenge, bearerChallenge } from "../../domain/Challenge.ts"
import { printable } from "../../domain/PrintableText.ts"
import { isLoopbackHost, isSecureUrl } from "../../domain/SecureUrl.ts"
import { type HttpServer, resourceOf } from "../../domain/Server.ts"
import { scopesOf } from "../../domain/TokenSet.ts"
import { Discovery, DiscoveryError, SignInNotOffered } from "../../ports/Discovery.ts"
import { HttpTransport, NetworkError } from "../../ports/HttpTransport.ts"
import { readBody } from "../http/BoundedBody.ts"

/** Milliseconds until a metadata endpoint must have begun to answer. */
const timeout = 15_000
/** Redirects that a metadata request follows. */
const mostRedirects = 3

/** Asking for metadata changes nothing, so it is asked again: three times, half a second and twice that apart. */
const retry = Schedule.exponential("500 millis").pipe(Schedule.jittered, Schedule.upTo({ times: 3 }))

/** A request that any MCP server may refuse and none acts on: what counts is whether it wants a token for it. */
const probeBody = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" })

/** Discovery over HTTP. */
export const layer: Layer.Layer<Discovery, never, HttpTransport> = Layer.effect(
  Discovery,
  Effect.gen(function* () {
    const transport = yield* HttpTransport

    const discover = Effect.fn("Discovery.discover")(function* (
      server: HttpServer,
      challenge: BearerChallenge | undefined
    ) {
      const fail = (detail: string) => new DiscoveryError({ server: server.name, detail })

      /** A server on the network must not send this client to services of this machine (MCP "SSRF"). */
      const mayFetch = (url: URL): boolean =>
        isSecureUrl(url) && (isLoopbackHost(server.url.hostname) || !isLoopbackHost(url.hostname))

      /** The JSON document at a URL; none where there is none. A server that is down is not a server without it. */
      const fetchDocument = Effect.fnUntraced(
        function* (address: string) {
          let url = new URL(address)
          for (let hops = 0; ; hops++) {
            if (!mayFetch(url)) return yield* fail(`it points to ${printable(url.origin)}, where it must not`)
            const response = yield* transport.send(
              new Request(url, {
                headers: { accept: "application/json", "mcp-protocol-version": "2025-11-25" }
              }),
              { timeout }
            )
            const { status } = response
            const location = response.headers.get("location")
            if (status >= 300 && status < 400 && location !== null && hops < mostRedirects) {
              yield* Effect.promise(async () => response.body?.cancel())
              if (!URL.canParse(location, url))
                return yield* fail(`${url.origin} redirects to no valid address`)
              url = new URL(location, url)
              continue
            }
            if (status === 429 || status >= 500) {
              yield* Effect.promise(async () => response.body?.cancel())
              return yield* new NetworkError({ origin: url.origin, detail: `HTTP ${status}` })
            }
            const { origin } = url
            const text = yield* readBody(response).pipe(
              Effect.mapError(({ detail, passing }) =>
                passing ? new NetworkError({ origin, detail }) : fail(`${origin}: ${detail}`)
              )
            )
            return status === 200 ? Option.some(text) : Option.none<string>()
          }
        },
        Effect.retry({ schedule: retry, while: (error) => error._tag === "NetworkError" })
      )

      const probe = Effect.fnUntraced(
        function* () {
          const headers = new Headers({
            "content-type": "application/json",
            accept: "application/json, text/event-stream"
          })
          for (const [name, value] of Object.entries(server.headers)) headers.set(name, Redacted.value(value))
          const response = yield* transport.send(
            new Request(server.url, { method: "POST", headers, body: probeBody }),
            { timeout }
          )
          yield* Effect.promise(async () => response.body?.cancel())
          return response
        },
        Effect.retry({ schedule: retry, while: (error) => error._tag === "NetworkError" })
      )

      const findResource = Effect.fnUntraced(function* (named: string | undefined) {
        if (named !== undefined && !URL.canParse(named)) {
          return yield* fail("its challenge names no valid address as resource_metadata")
        }
        for (const url of named === undefined ? protectedResourceMetadataUrls(server.url) : [named]) {
          const text = yield* fetchDocument(url)
          if (Option.isNone(text)) continue
          const document = Schema.decodeOption(Schema.fromJsonString(ProtectedResourceMetadata))(text.value)
          if (Option.isNone(document)) {
            if (named === undefined) continue
            return yield* fail(`${new URL(named).origin} serves resource metadata that cannot be read`)
          }
          const { resource } = document.value
          if (!URL.canParse(resource) || !resourceCovers(new URL(resource), server.url)) {
            return yield* fail(
              `its metadata is for another resource, ${printable(resource)}, than ${resourceOf(server)} (RFC 9728)`
            )
          }
          return document
        }
        if (named !== undefined)
          return yield* fail("there is nothing where its challenge says the metadata is")
        return Option.none<ProtectedResourceMetadata>()
      })

      const findIssuer = Effect.fnUntraced(function* (issuer: string) {
        const url = new URL(issuer)
        for (const address of authorizationServerMetadataUrls(url)) {
          const text = yield* fetchDocument(address)
          if (Option.isNone(text)) continue
          const document = Schema.decodeOption(Schema.fromJsonString(AuthorizationServerMetadata))(text.value)
          if (Option.isNone(document)) continue
          const metadata = document.value
          if (metadata.issuer !== issuer) {
            return yield* fail(
              `the metadata at ${url.origin} is of another issuer, ${printable(metadata.issuer)} (RFC 8414 §3.3)`
            )
          }
          for (const endpoint of [metadata.authorization_endpoint, metadata.token_endpoint]) {
            if (!URL.canParse(endpoint) || !mayFetch(new URL(endpoint))) {
              return yield* fail(`${url.origin} names an endpoint that is no https address`)
            }
          }
          return Option.some(metadata)
        }
        return Option.none<AuthorizationServerMetadata>()
      })

      const met = challenge === undefined ? yield* probe() : undefined
      const asked = challenge ?? bearerChallenge(met?.headers.get("www-authenticate"))
      const resource = yield* findResource(asked?.resourceMetadata)
      if (Option.isNone(resource) && met !== undefined && met.status !== 401) {
        return yield* new SignInNotOffered({ server: server.name })
      }
      // Without resource metadata the server's own origin is asked, as revision 2025-03-26 has it.
      const issuers = Option.match(resource, {
        onNone: (): ReadonlyArray<string> => [server.url.origin],
        onSome: (document) => document.authorization_servers ?? [server.url.origin]
      })
      for (const issuer of issuers) {
        if (!URL.canParse(issuer)) return yield* fail(`${printable(issuer)} is no valid issuer`)
        const metadata = yield* findIssuer(issuer)
        if (Option.isNone(metadata)) continue
        return {
          metadata: metadata.value,
          resource: Option.match(resource, {
            onNone: () => resourceOf(server),
            onSome: (document) => document.resource
          }),
          scopes:
            asked?.scope === undefined
              ? Option.match(resource, {
                  onNone: (): ReadonlyArray<string> => [],
                  onSome: ({ scopes_supported }) => scopes_supported ?? []
                })
              : scopesOf(asked.scope)
        }
      }
      return yield* fail(`no metadata of an authorization server at ${issuers.map(printable).join(", ")}`)
    })

    return Discovery.of({ discover })
  })
)
