import { Context, type Effect } from "effect"
import type { DiscoveredServer } from "../domain/AuthorizationServer.ts"
import type { BearerChallenge } from "../domain/Challenge.ts"
import type { RemoteServer } from "../domain/Server.ts"
import type { DiscoveryError, SignInNotOffered } from "./DiscoveryError.ts"
import type { NetworkError } from "./HttpTransport.ts"

export {
  DiscoveryError,
  type DiscoveryRefusal,
  discoveryRefusals,
  SignInNotOffered
} from "./DiscoveryError.ts"

/**
 * Finds the authorization server of an MCP server: challenge, protected resource metadata (RFC 9728), authorization
 * server metadata (RFC 8414, OpenID Connect Discovery).
 */
export class Discovery extends Context.Service<
  Discovery,
  {
    /**
     * Finds the authorization server, and what it and the MCP server say about sign-ins. Fails with `SignInNotOffered` if
     * the server answers without a token and names no authorization server. Fails with `DiscoveryError` if the metadata is
     * missing or must not be used, and with `NetworkError` if a server does not answer.
     *
     * @param challenge the challenge of the server: all metadata is fetched again, since the server may name other
     *   documents now. Absent: a request without a token gets one, and metadata may be up to 5 minutes old.
     */
    readonly discover: (
      server: RemoteServer,
      challenge: BearerChallenge | undefined
    ) => Effect.Effect<DiscoveredServer, DiscoveryError | SignInNotOffered | NetworkError>
    /**
     * Returns the token endpoints that the origin of a page names for its own authorization endpoint, in metadata at its
     * well-known addresses. Empty if it publishes none, or cannot be reached within 10 seconds.
     *
     * @param page where a user approves
     */
    readonly tokenEndpointsFor: (server: RemoteServer, page: URL) => Effect.Effect<ReadonlyArray<URL>>
  }
>()("mcp-cli-oauth/ports/Discovery") {}
