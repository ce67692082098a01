import { Effect, Layer, Option, Redacted, Result, Schedule, Schema } from "effect"
import {
  AuthorizationServerMetadata,
  authorizationServerMetadataUrls,
  endpointsWithoutMetadata,
  isIssuerUrl,
  ProtectedResourceMetadata,
  protectedResourceMetadataUrls,
  resourceCovers
} from "../../domain/AuthorizationServer.ts"
import { type BearerChallenge, bearerChallenge } from "../../domain/Challenge.ts"
import { endpointRows } from "../../domain/OAuthEndpoints.ts"
import { printable } from "../../domain/PrintableText.ts"
import { type RemoteServer, resourceOf } from "../../domain/Server.ts"
import { scopesOf } from "../../domain/TokenSet.ts"
import { Discovery, DiscoveryError, type DiscoveryRefusal, SignInNotOffered } from "../../ports/Discovery.ts"
import { discardBody, HttpTransport, NetworkError } from "../../ports/HttpTransport.ts"
import { readBody } from "../http/BoundedBody.ts"
import { HostAddresses } from "../http/HostAddresses.ts"
import { makeMetadataCache } from "./MetadataCache.ts"
import { makeUrlRule } from "./UrlRule.ts"

/** Milliseconds until a metadata endpoint must have begun to answer. */
const timeout = 15_000
/** Seconds for one document, redirects and further tries included: a server that only drips must come to an end. */
const maxFetch = 30
/** Seconds for all authorization servers of a document together. */
const maxSearch = 60
/** Redirects that a metadata request follows. */
const maxRedirects = 3
/** Authorization servers of one document that are asked: no list may keep this client busy for hours. */
const maxIssuers = 10

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

/** Ends what takes too long. */
const inTime =
  (origin: string, seconds: number = maxFetch) =>
  <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E | NetworkError> =>
    Effect.timeoutOrElse(effect, {
      duration: `${seconds} seconds`,
      orElse: () => new NetworkError({ origin, detail: `no whole answer within ${seconds} seconds` })
    })

/** Discovery over HTTP. */
export const layer: Layer.Layer<Discovery, never, HttpTransport> = Layer.effect(
  Discovery,
  Effect.gen(function* () {
    const transport = yield* HttpTransport
    const findAddresses = yield* HostAddresses
    const cache = makeMetadataCache()

    const discover = Effect.fn("Discovery.discover")(function* (
      server: RemoteServer,
      challenge: BearerChallenge | undefined
    ) {
      const fail = (reason: DiscoveryRefusal, detail: string) =>
        new DiscoveryError({ server: server.name, reason, detail })
      const rule = makeUrlRule(server, findAddresses)
      /** What was fetched now; kept for later only where it led to an end. */
      const fetched = new Map<string, string>()
      // What one server may point to another may not, so that they share no documents.
      const keyOf = (address: string) =>
        JSON.stringify([server.url.origin, server.oauth.allowPrivateAddresses, address])

      /** The document at a URL, from the network; none where there is none. A server that is down is not one without it. */
      const fetchDocument = Effect.fnUntraced(function* (address: string, role: string) {
        let url = yield* rule.check(address, role)
        for (let hops = 0; ; hops++) {
          const response = yield* transport.send(
            new Request(url, {
              headers: { accept: "application/json", "mcp-protocol-version": "2025-11-25" }
            }),
            { timeout }
          )
          const { status } = response
          const { origin, protocol } = url
          const location = response.headers.get("location")
          if (status >= 300 && status < 400 && location !== null) {
            yield* discardBody(response)
            if (hops === maxRedirects) {
              return yield* fail("redirect", `${origin} redirects more than ${maxRedirects} times`)
            }
            const next = URL.parse(location, url)
            if (next === null) return yield* fail("redirect", `${origin} redirects to no valid address`)
            if (protocol === "https:" && next.protocol === "http:") {
              return yield* fail("redirect", `${origin} redirects from https to http`)
            }
            url = yield* rule.check(next.href, `the place that ${origin} redirects to`)
            continue
          }
          if (status !== 200) {
            yield* discardBody(response)
            if (isPassing(status)) return yield* new NetworkError({ origin, detail: `HTTP ${status}` })
            return Option.none<string>()
          }
          return yield* readBody(response).pipe(
            Effect.mapError(({ detail, isTransient }) =>
              isTransient ? new NetworkError({ origin, detail }) : fail("too long", `${origin}: ${detail}`)
            ),
            Effect.asSome
          )
        }
      })

      /** The same out of the cache, unless a challenge says that things may have changed. */
      const documentAt = Effect.fnUntraced(function* (address: string, role: string) {
        const known = challenge === undefined ? yield* cache.get(keyOf(address)) : undefined
        if (known !== undefined) return Option.some(known)
        const text = yield* fetchDocument(address, role).pipe(
          Effect.retry({ schedule: retry, while: (error) => error._tag === "NetworkError" }),
          inTime(URL.parse(address)?.origin ?? server.url.origin)
        )
        if (Option.isSome(text)) fetched.set(address, text.value)
        return text
      })

      /** The server's own answer to a request without a token. */
      const probe = Effect.gen(function* () {
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
          catch: () => fail("configuration", `its "url" or "headers" are none that HTTP can send`)
        })
        const response = yield* transport.send(request, { timeout })
        yield* discardBody(response)
        if (isPassing(response.status)) {
          return yield* new NetworkError({ origin: server.url.origin, detail: `HTTP ${response.status}` })
        }
        return response
      }).pipe(Effect.retry({ schedule: retry, while: (error) => error._tag === "NetworkError" }))

      const findResource = Effect.fnUntraced(function* (named: string | undefined) {
        // What a challenge names may be gone, as behind a proxy; the server's own well-known places count no less.
        const places = [...(named === undefined ? [] : [named]), ...protectedResourceMetadataUrls(server.url)]
        for (const address of new Set(places)) {
          const text = yield* documentAt(address, "the resource_metadata of its challenge")
          const document = Option.flatMap(text, readDocument(ProtectedResourceMetadata))
          if (Option.isNone(document)) continue
          const resource = URL.parse(document.value.resource)
          if (resource === null || !resourceCovers(resource, server.url)) {
            return yield* fail(
              "resource mismatch",
              `its metadata is for another resource, ${printable(document.value.resource)}, than ${resourceOf(server)} (RFC 9728)`
            )
          }
          return document
        }
        if (named !== undefined) {
          return yield* fail(
            "no metadata",
            "there is no metadata where its challenge says, nor at its well-known addresses"
          )
        }
        return Option.none<ProtectedResourceMetadata>()
      })

      /** The authorization servers to ask, in this order: what the configuration says, out of what the server names. */
      const chooseIssuers = Effect.fnUntraced(function* (named: ReadonlyArray<string>) {
        const { issuer } = server.oauth
        if (issuer === undefined) {
          // Where nobody names an issuer the server's own origin is asked, as revision 2025-03-26 has it. Both spellings
          // of it make the same addresses (RFC 8414 §3.1), and servers of that time announce either.
          return named.length > 0
            ? named.slice(0, maxIssuers).map((name): Issuer => [name])
            : [[server.url.origin, `${server.url.origin}/`] as const satisfies Issuer]
        }
        if (named.length > 0 && !named.includes(issuer)) {
          const listed = named.slice(0, maxIssuers).map((name) => printable(name))
          return yield* fail(
            "issuer not listed",
            `it names ${listed.join(", ")} as its authorization ${listed.length === 1 ? "server" : "servers"}, and not the configured ${printable(issuer)}`
          )
        }
        return [[issuer] as const satisfies Issuer]
      })

      /** Metadata whose endpoints may all be used; what is optional goes rather than spoils it. */
      const withUsableEndpoints = Effect.fnUntraced(function* (metadata: AuthorizationServerMetadata) {
        const of = `of ${printable(metadata.issuer)}`
        const ignored: Array<string> = []
        for (const { metadataKey, unusable } of endpointRows) {
          const endpoint = metadata[metadataKey]
          if (endpoint === undefined) continue
          const refusal = metadataKey === "authorization_endpoint" ? "authorization URL" : undefined
          const checked = yield* Effect.result(rule.check(endpoint, `the ${metadataKey} ${of}`, refusal))
          if (Result.isSuccess(checked)) continue
          // An address in a private network is an attack; one without TLS is only an endpoint that cannot be used.
          if (unusable === "error" || checked.failure.reason === "private address") {
            return yield* checked.failure
          }
          ignored.push(metadataKey)
        }
        const usable = Object.fromEntries(
          Object.entries(metadata).filter(([name]) => !ignored.includes(name))
        )
        return new AuthorizationServerMetadata(usable as typeof metadata)
      })

      /** Metadata is believed by the issuer that it was looked up for, and by no other (RFC 8414 §3.3). */
      const readMetadata = Effect.fnUntraced(function* (
        metadata: AuthorizationServerMetadata,
        [issuer, ...spellings]: Issuer
      ) {
        if (metadata.issuer !== issuer && !spellings.includes(metadata.issuer)) {
          return yield* fail(
            "issuer mismatch",
            `the metadata of issuer ${printable(issuer)} is of another one, ${printable(metadata.issuer)} (RFC 8414 §3.3)`
          )
        }
        return yield* withUsableEndpoints(metadata)
      })

      /** The metadata of an issuer; none where there is none, and the first reason where none of it can be used. */
      const findIssuer = Effect.fnUntraced(function* (issuer: Issuer) {
        const url = yield* rule.check(issuer[0], `the authorization server ${printable(issuer[0])}`)
        if (!isIssuerUrl(url)) return Option.none<AuthorizationServerMetadata>()
        let refusal: DiscoveryError | undefined
        for (const address of authorizationServerMetadataUrls(url)) {
          const found = yield* documentAt(address, `the metadata of ${printable(issuer[0])}`).pipe(
            Effect.map(Option.flatMap(readDocument(AuthorizationServerMetadata))),
            Effect.flatMap(
              Option.match({
                onNone: () => Effect.succeedNone,
                onSome: (metadata) => Effect.asSome(readMetadata(metadata, issuer))
              })
            ),
            Effect.catchTag("DiscoveryError", (error) => {
              refusal ??= error
              return Effect.succeedNone
            })
          )
          if (Option.isSome(found)) return found
        }
        if (refusal !== undefined) return yield* refusal
        return Option.none<AuthorizationServerMetadata>()
      })

      /** The first authorization server whose metadata can be used; a passing reason counts before a final one. */
      const findMetadata = Effect.fnUntraced(function* (issuers: ReadonlyArray<Issuer>) {
        const reasons: Array<DiscoveryError | NetworkError> = []
        for (const issuer of issuers) {
          const found = yield* Effect.result(findIssuer(issuer))
          if (Result.isFailure(found)) reasons.push(found.failure)
          else if (Option.isSome(found.success)) return found.success
        }
        const reason = reasons.find(({ _tag }) => _tag === "NetworkError") ?? reasons[0]
        if (reason !== undefined) return yield* reason
        return Option.none<AuthorizationServerMetadata>()
      })

      const met = challenge === undefined ? yield* inTime(server.url.origin)(probe) : undefined
      const asked = challenge ?? bearerChallenge(met?.headers.get("www-authenticate"))
      const resource = yield* findResource(asked?.resourceMetadata)
      if (Option.isNone(resource) && met !== undefined && met.status !== 401) {
        const target = URL.parse(met.headers.get("location") ?? "", server.url)
        if (met.status >= 300 && met.status < 400 && target !== null) {
          return yield* fail("moved", `it redirects to ${printable(target.origin)}`)
        }
        return yield* new SignInNotOffered({ server: server.name })
      }
      const issuers = yield* chooseIssuers(
        Option.match(resource, {
          onNone: (): ReadonlyArray<string> => [],
          onSome: ({ authorization_servers }) => authorization_servers ?? []
        })
      )
      const found = yield* findMetadata(issuers).pipe(inTime(server.url.origin, maxSearch))
      if (Option.isNone(found) && (Option.isSome(resource) || server.oauth.issuer !== undefined)) {
        return yield* fail(
          "no metadata",
          `no metadata of an authorization server at ${issuers.map(([issuer]) => printable(issuer)).join(", ")}`
        )
      }
      const metadata = Option.isSome(found)
        ? found.value
        : yield* withUsableEndpoints(endpointsWithoutMetadata(server.url))
      for (const [address, text] of fetched) yield* cache.set(keyOf(address), text)
      return {
        metadata,
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
            : scopesOf(asked.scope),
        dpopRequired:
          asked?.dpop === true ||
          Option.exists(resource, (document) => document.dpop_bound_access_tokens_required === true)
      }
    })

    return Discovery.of({ discover })
  })
)
