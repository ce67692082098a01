import { Effect, Option } from "effect"
import {
  AuthorizationServerMetadata,
  authorizationServerMetadataUrls,
  type DiscoveredServer,
  endpointsWithoutMetadata,
  issuerOfMetadataUrl,
  issuersAbove,
  type ProtectedResourceMetadata
} from "../../domain/AuthorizationServer.ts"
import { type BearerChallenge, bearerChallenge, silentChallenge } from "../../domain/Challenge.ts"
import { isSameIssuer } from "../../domain/Issuer.ts"
import { printable } from "../../domain/PrintableText.ts"
import { type RemoteServer, resourceOf } from "../../domain/Server.ts"
import { scopesApart, scopesOf } from "../../domain/TokenSet.ts"
import { DiscoveryError, SignInNotOffered } from "../../ports/Discovery.ts"
import type { HttpTransport, NetworkError } from "../../ports/HttpTransport.ts"
import type { FindAddresses } from "../http/HostAddresses.ts"
import { withTimeout } from "./DiscoveryRetry.ts"
import { discoveryLimits } from "./OAuthLimits.ts"
import { chooseIssuers, findMetadata, withUsableEndpoints } from "./IssuerSearch.ts"
import { greet, type Greeting } from "./McpGreeting.ts"
import type { MetadataCache } from "./MetadataCache.ts"
import { makeMetadataDocuments } from "./MetadataDocuments.ts"
import { findResource, probe } from "./ResourceSearch.ts"
import { makeUrlRule } from "./UrlRule.ts"

/** The error for a server without a challenge and metadata: it has moved, is no MCP server, or requires no sign-in. */
const withoutSignIn = (server: RemoteServer, { isMcp, response }: Greeting) => {
  const { headers, status } = response
  const target = URL.parse(headers.get("location") ?? "", server.url)
  if (status >= 300 && status < 400 && target !== null) {
    return new DiscoveryError({
      server: server.name,
      reason: "moved",
      detail: `it redirects to ${printable(`${target.origin}${target.pathname}`)}`
    })
  }
  if (isMcp) return new SignInNotOffered({ server: server.name })
  const [type = ""] = (headers.get("content-type") ?? "").split(";")
  const content = status < 300 ? ` with ${type === "" ? "nothing" : printable(type)}` : ""
  return new DiscoveryError({
    server: server.name,
    reason: "not MCP",
    detail: `it answers HTTP ${status}${content}, and not as an MCP server`
  })
}

/** What the challenge and the metadata of the resource say; the challenge counts first. */
const describeResource = (
  server: RemoteServer,
  challenge: BearerChallenge | undefined,
  resource: ProtectedResourceMetadata | undefined,
  { scopes_supported: known = [] }: AuthorizationServerMetadata
): Omit<DiscoveredServer, "metadata"> => ({
  resource: resource?.resource ?? resourceOf(server),
  scopes:
    challenge?.scope === undefined
      ? scopesApart(scopesOf(resource?.scopes_supported?.join(" ")), known)
      : scopesApart(scopesOf(challenge.scope), [...known, ...(resource?.scopes_supported ?? [])]),
  dpopRequired: challenge?.dpop === true || resource?.dpop_bound_access_tokens_required === true
})

/** What a discovery runs on. */
export interface SearchServices {
  readonly transport: HttpTransport["Service"]
  readonly findAddresses: FindAddresses
  readonly cache: MetadataCache
}

/** Finds the token endpoints that the origin of a page names for its own authorization endpoint, from its root downwards. */
export const tokenEndpointsFor = Effect.fn("Discovery.tokenEndpointsFor")(
  function* ({ cache, findAddresses, transport }: SearchServices, server: RemoteServer, page: URL) {
    const rule = makeUrlRule(server, findAddresses)
    const documents = makeMetadataDocuments({ server, rule, transport, cache, refresh: false })
    for (const issuer of issuersAbove(page)) {
      const read = (address: string) =>
        documents
          .read(AuthorizationServerMetadata, address, `the metadata of ${page.origin}`)
          .pipe(Effect.orElseSucceed(() => Option.none<AuthorizationServerMetadata>()))
      const found = yield* Effect.forEach(authorizationServerMetadataUrls(issuer), read, {
        concurrency: "unbounded"
      })
      const named = found.flatMap(
        Option.match({
          onNone: () => [],
          onSome: ({ authorization_endpoint: own = "", token_endpoint: token }) =>
            URL.parse(own)?.origin === page.origin ? (URL.parse(token) ?? []) : []
        })
      )
      if (named.length === 0) continue
      yield* documents.remember
      return named
    }
    return []
  },
  Effect.timeoutOrElse({
    duration: `${discoveryLimits.pageSeconds} seconds`,
    orElse: () => Effect.succeed<ReadonlyArray<URL>>([])
  })
)

/** Finds the authorization server of a server, from the challenge that was received, or else from a probe. */
export const discover: (
  services: SearchServices,
  server: RemoteServer,
  received: BearerChallenge | undefined
) => Effect.Effect<DiscoveredServer, DiscoveryError | NetworkError | SignInNotOffered> = Effect.fn(
  "Discovery.discover"
)(function* (services, server, received) {
  const { cache, findAddresses, transport } = services
  const rule = makeUrlRule(server, findAddresses)
  const refresh = received !== undefined
  const documents = makeMetadataDocuments({ server, rule, transport, cache, refresh })

  const answer = received === undefined ? yield* probe(transport, server) : undefined
  const challenge = received ?? bearerChallenge(answer?.headers.get("www-authenticate"))
  const found = yield* findResource(documents, server, challenge?.resourceMetadata)
  const resource = Option.getOrUndefined(found)
  if (resource === undefined && answer !== undefined && answer.status !== 401) {
    const greeting = yield* greet(transport, server)
    const { headers, status } = greeting.response
    if (status !== 401) return yield* withoutSignIn(server, greeting)
    // It answers a ping to anyone, and greets only who is signed in.
    return yield* discover(
      services,
      server,
      bearerChallenge(headers.get("www-authenticate")) ?? silentChallenge
    )
  }

  const search = { server, rule, documents }
  const named = (resource?.authorization_servers ?? []).map(issuerOfMetadataUrl)
  const { issuers, published } = yield* chooseIssuers(search, named).pipe(
    Effect.bindTo("issuers"),
    Effect.bind("published", (chosen) => findMetadata(search, chosen.issuers)),
    withTimeout(server.url.origin, discoveryLimits.searchSeconds)
  )
  if (Option.isNone(published) && (resource !== undefined || server.oauth.issuer !== undefined)) {
    const places = issuers.flatMap((issuer) => {
      const url = URL.parse(issuer)
      return url === null ? [] : authorizationServerMetadataUrls(url)
    })
    return yield* new DiscoveryError({
      server: server.name,
      reason: "no metadata",
      detail:
        documents.faultAt(places) ??
        `no metadata of an authorization server at ${issuers.map((issuer) => printable(issuer)).join(", ")}`
    })
  }
  const metadata = Option.isSome(published)
    ? published.value
    : yield* withUsableEndpoints(rule, endpointsWithoutMetadata(server.url))
  yield* documents.remember
  const { issuer } = metadata
  const spelling = named.find((text) => text !== issuer && isSameIssuer(text, issuer))
  return {
    metadata,
    ...describeResource(server, challenge, resource, metadata),
    ...(spelling === undefined ? {} : { issuerSpelling: spelling })
  }
})
