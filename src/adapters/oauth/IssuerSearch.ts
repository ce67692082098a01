import { Effect, Option, Result } from "effect"
import {
  AuthorizationServerMetadata,
  authorizationServerMetadataUrls,
  isIssuerUrl
} from "../../domain/AuthorizationServer.ts"
import { isSameIssuer } from "../../domain/Issuer.ts"
import { endpointRows } from "../../domain/OAuthEndpoints.ts"
import { printable } from "../../domain/PrintableText.ts"
import type { RemoteServer } from "../../domain/Server.ts"
import { DiscoveryError } from "../../ports/Discovery.ts"
import type { NetworkError } from "../../ports/HttpTransport.ts"
import { discoveryLimits } from "./OAuthLimits.ts"
import type { MetadataDocuments } from "./MetadataDocuments.ts"
import type { UrlRule } from "./UrlRule.ts"

/** What one search needs. */
interface Search {
  readonly server: RemoteServer
  readonly rule: UrlRule
  readonly documents: MetadataDocuments
}

/**
 * True if the metadata of one of these issuers names another issuer, which the configuration names as well. Its own metadata
 * is read then, and not the one that was found: a server must not describe an issuer that the user trusts.
 */
const isNamedBy = Effect.fnUntraced(function* (
  { documents, rule }: Search,
  named: ReadonlyArray<string>,
  configured: string
) {
  for (const issuer of named) {
    const name = printable(issuer)
    const names = (address: string) =>
      documents.read(AuthorizationServerMetadata, address, `the metadata of ${name}`).pipe(
        Effect.map(Option.exists((metadata) => isSameIssuer(metadata.issuer, configured))),
        Effect.orElseSucceed(() => false)
      )
    const url = yield* Effect.option(rule.check(issuer, `the authorization server ${name}`))
    const addresses = Option.isSome(url) ? authorizationServerMetadataUrls(url.value) : []
    if ((yield* Effect.forEach(addresses, names, { concurrency: "unbounded" })).includes(true)) return true
  }
  return false
})

/**
 * Chooses the authorization servers to try, in order: the configured one, else those that the resource names. The configured
 * one must be among those, or be the one that their metadata names.
 *
 * @param named the issuers in the metadata of the resource
 */
export const chooseIssuers = Effect.fnUntraced(function* (
  search: Search,
  named: ReadonlyArray<string>
): Effect.fn.Return<ReadonlyArray<string>, DiscoveryError> {
  const { name, oauth, url } = search.server
  const { issuer } = oauth
  const first = named.slice(0, discoveryLimits.maxIssuers)
  // Without a name the server's own origin is tried, as in revision 2025-03-26.
  if (issuer === undefined) return named.length > 0 ? first : [url.origin]
  if (named.length === 0 || named.some((listed) => isSameIssuer(listed, issuer))) return [issuer]
  if (yield* isNamedBy(search, first, issuer)) return [issuer]
  const listed = first.map((text) => printable(text))
  return yield* new DiscoveryError({
    server: name,
    reason: "issuer not listed",
    detail: `it names ${listed.join(", ")} as its authorization ${listed.length === 1 ? "server" : "servers"}, and not the configured ${printable(issuer)}`
  })
})

/**
 * Checks the addresses of all endpoints in a metadata document.
 *
 * @returns the metadata without the endpoints that are ignored because of their addresses
 */
export const withUsableEndpoints = Effect.fnUntraced(function* (
  rule: UrlRule,
  metadata: AuthorizationServerMetadata
): Effect.fn.Return<AuthorizationServerMetadata, DiscoveryError> {
  const ignored: Array<string> = []
  for (const { metadataKey, unusable } of endpointRows) {
    const address = metadata[metadataKey]
    if (address === undefined) continue
    const role = `the ${metadataKey} of ${printable(metadata.issuer)}`
    const refusal = metadataKey === "authorization_endpoint" ? "authorization URL" : undefined
    const checked = yield* Effect.result(rule.check(address, role, refusal))
    if (Result.isSuccess(checked)) continue
    // An address in a private network is an attack; one without TLS is only an endpoint that cannot be used.
    if (unusable === "error" || checked.failure.reason === "private address") return yield* checked.failure
    ignored.push(metadataKey)
  }
  const usable = Object.fromEntries(Object.entries(metadata).filter(([name]) => !ignored.includes(name)))
  return new AuthorizationServerMetadata(usable as typeof metadata)
})

/** Metadata counts only for the issuer that it was looked up for (RFC 8414 §3.3): {@link isSameIssuer}. */
const withMatchingIssuer = Effect.fnUntraced(function* (
  { rule, server }: Search,
  metadata: AuthorizationServerMetadata,
  issuer: string
) {
  if (!isSameIssuer(metadata.issuer, issuer)) {
    return yield* new DiscoveryError({
      server: server.name,
      reason: "issuer mismatch",
      issuer: metadata.issuer,
      detail: `the metadata of issuer ${printable(issuer)} names another issuer, ${printable(metadata.issuer)} (RFC 8414 §3.3)`
    })
  }
  return yield* withUsableEndpoints(rule, metadata)
})

/** The metadata of one issuer: none if it has none, and the first reason if none of it can be used. */
const findIssuer = Effect.fnUntraced(function* (search: Search, issuer: string) {
  const name = printable(issuer)
  const url = yield* search.rule.check(issuer, `the authorization server ${name}`)
  if (!isIssuerUrl(url)) return Option.none<AuthorizationServerMetadata>()
  let refusal: DiscoveryError | undefined
  for (const address of authorizationServerMetadataUrls(url)) {
    const found = yield* search.documents
      .read(AuthorizationServerMetadata, address, `the metadata of ${name}`)
      .pipe(
        Effect.flatMap(
          Option.match({
            onNone: () => Effect.succeedNone,
            onSome: (metadata) => Effect.asSome(withMatchingIssuer(search, metadata, issuer))
          })
        ),
        Effect.catchTag("DiscoveryError", (error) => {
          refusal ??= error
          return Effect.succeedNone
        })
      )
    if (Option.isSome(found)) return found
  }
  return refusal === undefined ? Option.none<AuthorizationServerMetadata>() : yield* refusal
})

/**
 * Finds the first authorization server whose metadata can be used. None if no issuer has metadata. If all of it is
 * unusable, a transient reason counts before a final one.
 */
export const findMetadata = Effect.fn("Discovery.findMetadata")(function* (
  search: Search,
  issuers: ReadonlyArray<string>
) {
  const reasons: Array<DiscoveryError | NetworkError> = []
  for (const issuer of issuers) {
    const found = yield* Effect.result(findIssuer(search, issuer))
    if (Result.isFailure(found)) reasons.push(found.failure)
    else if (Option.isSome(found.success)) return found.success
  }
  const reason = reasons.find(({ _tag }) => _tag === "NetworkError") ?? reasons[0]
  return reason === undefined ? Option.none<AuthorizationServerMetadata>() : yield* reason
})
