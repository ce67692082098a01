import { printable } from "../../domain/PrintableText.ts"
import type { RemoteServer } from "../../domain/Server.ts"
import { DiscoveryError } from "../../ports/Discovery.ts"
import type { ResolvedAuthorizationServer } from "./ResolvedAuthorizationServer.ts"

/**
 * The error of a request that would send a configured secret to an issuer that only the server's metadata names, before a
 * user sees where it goes. Undefined: the configuration names the issuer or the endpoints, or the client has no secret.
 */
export const unconfirmedIssuer = (
  { name, oauth }: RemoteServer,
  { issuer, metadata }: ResolvedAuthorizationServer
): DiscoveryError | undefined =>
  metadata === undefined || oauth.issuer !== undefined || oauth.source.client?.clientSecret === undefined
    ? undefined
    : new DiscoveryError({
        server: name,
        reason: "issuer not confirmed",
        detail: `${printable(issuer)} requires the client's secret before a user sees its address`
      })
