import { Result } from "effect"
import { oauthEndpoints } from "../../domain/OAuthEndpoints.ts"
import { printable } from "../../domain/PrintableText.ts"
import type { RemoteServer } from "../../domain/Server.ts"
import { DiscoveryError } from "../../ports/Discovery.ts"
import type { ResolvedAuthorizationServer } from "./ResolvedAuthorizationServer.ts"
import { unconfirmedIssuer } from "./UnconfirmedIssuer.ts"

/**
 * Where authorization requests are pushed (RFC 9126): if the metadata requires it, or the configuration names the endpoints
 * and this is among them. Undefined: they are not pushed.
 *
 * Fails if they must be, and no usable endpoint is known or the issuer is an {@link unconfirmedIssuer}.
 */
export const pushEndpointOf = (
  server: RemoteServer,
  authorizationServer: ResolvedAuthorizationServer
): Result.Result<URL | undefined, DiscoveryError> => {
  const { endpoints, issuer, metadata } = authorizationServer
  const { pushedAuthorization } = endpoints
  if (metadata === undefined) return Result.succeed(pushedAuthorization)
  if (metadata.require_pushed_authorization_requests !== true) return Result.succeed(undefined)
  const unconfirmed = unconfirmedIssuer(server, authorizationServer)
  if (unconfirmed !== undefined) return Result.fail(unconfirmed)
  return pushedAuthorization !== undefined
    ? Result.succeed(pushedAuthorization)
    : Result.fail(
        new DiscoveryError({
          server: server.name,
          reason: "no metadata",
          detail: `the metadata of ${printable(issuer)} requires pushed authorization requests, and names no usable ${oauthEndpoints.pushedAuthorization.metadataKey}`
        })
      )
}
