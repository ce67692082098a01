import { Result } from "effect"
import { oauthEndpoints } from "../../domain/OAuthEndpoints.ts"
import { printable } from "../../domain/PrintableText.ts"
import type { RemoteServer } from "../../domain/Server.ts"
import { DiscoveryError } from "../../ports/Discovery.ts"
import type { ResolvedAuthorizationServer } from "./ResolvedAuthorizationServer.ts"

/**
 * Where authorization requests are pushed (RFC 9126): if the metadata requires it, or the configuration names the endpoints
 * and this is among them. Undefined: they are not pushed.
 *
 * Fails if they must be, and no usable endpoint is known. A configured secret is pushed only to an issuer that the
 * configuration names, since no user has seen yet where it goes.
 */
export const pushEndpointOf = (
  { name, oauth }: RemoteServer,
  { endpoints: { pushedAuthorization }, issuer, metadata }: ResolvedAuthorizationServer
): Result.Result<URL | undefined, DiscoveryError> => {
  if (metadata === undefined) return Result.succeed(pushedAuthorization)
  if (metadata.require_pushed_authorization_requests !== true) return Result.succeed(undefined)
  const refuse = (reason: "issuer not confirmed" | "no metadata", detail: string) =>
    Result.fail(new DiscoveryError({ server: name, reason, detail }))
  if (oauth.issuer === undefined && oauth.source.client?.clientSecret !== undefined) {
    return refuse(
      "issuer not confirmed",
      `${printable(issuer)} requires the client's secret before a user sees its address`
    )
  }
  return pushedAuthorization === undefined
    ? refuse(
        "no metadata",
        `the metadata of ${printable(issuer)} requires pushed authorization requests, and names no usable ${oauthEndpoints.pushedAuthorization.metadataKey}`
      )
    : Result.succeed(pushedAuthorization)
}
