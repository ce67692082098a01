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
import { isSecureUrl, mayBeThisMachine } from "../../domain/SecureUrl.ts"
import { type HttpServer, resourceOf } from "../../domain/Server.ts"
import { scopesOf } from "../../domain/TokenSet.ts"
import { Discovery, DiscoveryError, SignInNotOffered } from "../../ports/Discovery.ts"
import { HttpTransport, NetworkError } from "../../ports/HttpTransport.ts"
import { discardBody, readBody } from "../http/BoundedBody.ts"

/** Milliseconds until a metadata endpoint must have begun to answer. */
const timeout = 15_000
/** Redirects that a metadata request follows. */
const mostRedirects = 3

/** Asking for metadata changes nothing, so it is asked again: three times, half a second and twice that apart. */
const retry = Schedule.exponential("500 millis").pipe(Schedule.jittered, Schedule.upTo({ times: 3 }))

/** It may work later: such an answer says nothing of the server, and least of all that it wants no token. */
const isPassing = (status: number): boolean => status === 429 || status >= 500

const JsonObject = Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown))

/** A document by its schema; some servers write null, or nothing between two quotes, for what they leave out. */
const readDocument =
  <A, E>(schema: Schema.Codec<A, E>) =>
  (text: string): Option.Option<A> =>
    Schema.decodeOption(JsonObject)(text).pipe(
      Option.map((json) =>
        Object.fromEntries(Object.entries(json).filter(([, value]) => value !== null && value !== ""))
      ),
      Option.flatMap(Schema.decodeUnknownOption(schema))
    )

/** How an issuer is written; after the first come other ways that are the same to whoever made the first up. */
type Issuer = readonly [issuer: string, ...spellings: ReadonlyArray<string>]

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
        isSecureUrl(url) && (mayBeThisMachine(server.url.hostname) || !mayBeThisMachine(url.hostname))

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
            if (status >= 300 && status < 400 && location !== null) {
              yield* discardBody(response)
              if (hops === mostRedirects) return yield* fail(`${url.origin} redirects over and over`)
              const next = URL.parse(location, url)
              if (next === null) return yield* fail(`${url.origin} redirects to no valid address`)
              url = next
              continue
            }
            if (status !== 200) {
              yield* discardBody(response)
              if (isPassing(status)) {
                return yield* new NetworkError({ origin: url.origin, detail: `HTTP ${status}` })
              }
              return Option.none<string>()
            }
            const { origin } = url
            return yield* readBody(response).pipe(
              Effect.mapError(({ detail, passing }) =>
                passing ? new NetworkError({ origin, detail }) : fail(`${origin}: ${detail}`)
              ),
              Effect.asSome
            )
          }
        },
        Effect.retry({ schedule: retry, while: (error) => error._tag === "NetworkError" })
      )

      /** The server's own answer to a request without a token. */
      const probe = Effect.fnUntraced(
        function* () {
          const request = yield* Effect.try({
            try: () => {
              const headers = new Headers()
              for (const [name, value] of Object.entries(server.headers))
                headers.set(name, Redacted.value(value))
              // With a token of its own it would not be asked for another.
              headers.delete("authorization")
              headers.set("content-type", "application/json")
              headers.set("accept", "application/json, text/event-stream")
              return new Request(server.url, { method: "POST", headers, body: probeBody })
            },
            catch: () => fail(`its "url" or "headers" are none that HTTP can send`)
          })
          const response = yield* transport.send(request, { timeout })
          yield* discardBody(response)
          if (isPassing(response.status)) {
            return yield* new NetworkError({ origin: server.url.origin, detail: `HTTP ${response.status}` })
          }
          return response
        },
        Effect.retry({ schedule: retry, while: (error) => error._tag === "NetworkError" })
      )

      const findResource = Effect.fnUntraced(function* (named: string | undefined) {
        if (named !== undefined && !URL.canParse(named)) {
          return yield* fail("its challenge names no valid address as resource_metadata")
        }
        // What a challenge names may be gone, as behind a proxy; the server's own well-known places count no less.
        const places = [...(named === undefined ? [] : [named]), ...protectedResourceMetadataUrls(server.url)]
        for (const url of new Set(places)) {
          const text = yield* fetchDocument(url)
          const document = Option.flatMap(text, readDocument(ProtectedResourceMetadata))
          if (Option.isNone(document)) continue
          const { resource } = document.value
          if (!URL.canParse(resource) || !resourceCovers(new URL(resource), server.url)) {
            return yield* fail(
              `its metadata is for another resource, ${printable(resource)}, than ${resourceOf(server)} (RFC 9728)`
            )
          }
          return document
        }
        if (named !== undefined)
          return yield* fail("there is no metadata where its challenge says, nor at its well-known addresses")
        return Option.none<ProtectedResourceMetadata>()
      })

      const findIssuer = Effect.fnUntraced(function* ([issuer, ...spellings]: Issuer) {
        const url = URL.parse(issuer)
        if (url === null) return Option.none<AuthorizationServerMetadata>()
        for (const address of authorizationServerMetadataUrls(url)) {
          const text = yield* fetchDocument(address)
          const document = Option.flatMap(text, readDocument(AuthorizationServerMetadata))
          if (Option.isNone(document)) continue
          const metadata = document.value
          if (metadata.issuer !== issuer && !spellings.includes(metadata.issuer)) {
            return yield* fail(
              `the metadata of issuer ${printable(issuer)} is of another one, ${printable(metadata.issuer)} (RFC 8414 §3.3)`
            )
          }
          for (const endpoint of [
            metadata.authorization_endpoint,
            metadata.token_endpoint,
            metadata.registration_endpoint
          ]) {
            if (endpoint !== undefined && (!URL.canParse(endpoint) || !mayFetch(new URL(endpoint)))) {
              return yield* fail(`${url.origin} names an endpoint that is no https address`)
            }
          }
          return document
        }
        return Option.none<AuthorizationServerMetadata>()
      })

      const met = challenge === undefined ? yield* probe() : undefined
      const asked = challenge ?? bearerChallenge(met?.headers.get("www-authenticate"))
      const resource = yield* findResource(asked?.resourceMetadata)
      if (Option.isNone(resource) && met !== undefined && met.status !== 401) {
        const target = URL.parse(met.headers.get("location") ?? "", server.url)
        if (met.status >= 300 && met.status < 400 && target !== null) {
          return yield* fail(
            `it redirects to ${printable(target.origin)}. If that is where the server is now, set its "url" to the address there`
          )
        }
        return yield* new SignInNotOffered({ server: server.name })
      }
      const named = Option.match(resource, {
        onNone: (): ReadonlyArray<string> => [],
        onSome: ({ authorization_servers }) => authorization_servers ?? []
      })
      // Where nobody names an issuer the server's own origin is asked, as revision 2025-03-26 has it. Both spellings of
      // it make the same addresses (RFC 8414 §3.1), and servers of that time announce either.
      const issuers: ReadonlyArray<Issuer> =
        named.length > 0
          ? named.map((issuer): Issuer => [issuer])
          : [[server.url.origin, `${server.url.origin}/`]]
      for (const issuer of issuers) {
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
      return yield* fail(
        `no metadata of an authorization server at ${issuers.map(([issuer]) => printable(issuer)).join(", ")}`
      )
    })

    return Discovery.of({ discover })
  })
)
