import { type DiscoveredServer, endpointsWithoutMetadata } from "../../domain/AuthorizationServer.ts"
import type { RemoteServer } from "../../domain/Server.ts"
import type { DiscoveryError, SignInNotOffered } from "../../ports/Discovery.ts"
import type { NetworkError } from "../../ports/HttpTransport.ts"
import { grantFor } from "../signin/GrantChoice.ts"
import type { ResolvedAuthorizationServer } from "../signin/ResolvedAuthorizationServer.ts"
import { type Check, note, notNeeded, skipped, type Verdict, wrongBy } from "./Finding.ts"

type ResolutionError = DiscoveryError | SignInNotOffered | NetworkError

/** The authorization server of an MCP server, or the error of its discovery. */
export type Resolution =
  /** The configuration names its endpoints. */
  | { readonly _tag: "ByHand"; readonly authorizationServer: ResolvedAuthorizationServer }
  | {
      readonly _tag: "Discovered"
      readonly authorizationServer: ResolvedAuthorizationServer
      readonly discovered: DiscoveredServer
    }
  | { readonly _tag: "Failed"; readonly error: ResolutionError }
  /** The server itself cannot be reached. */
  | { readonly _tag: "Unreached" }

/** There is no authorization server. */
export type Unresolved = Extract<Resolution, { readonly _tag: "Failed" | "Unreached" }>

/** There is an authorization server. */
export type Resolved = Exclude<Resolution, Unresolved>

export const isResolved = (resolution: Resolution): resolution is Resolved =>
  resolution._tag === "ByHand" || resolution._tag === "Discovered"

/** True if the server can be used as it is. */
export const isWithoutSignIn = (resolution: Resolution): boolean =>
  resolution._tag === "Failed" && resolution.error._tag === "SignInNotOffered"

/** The check that an error of discovery belongs to. The checks before it passed. */
export const brokenCheck = (error: ResolutionError): Check => {
  if (error._tag !== "DiscoveryError") return "metadata"
  switch (error.reason) {
    case "issuer mismatch":
    case "issuer not listed":
    case "token endpoint mismatch":
      return "issuer"
    case "resource mismatch":
      return "resource"
    case "moved":
    case "not MCP":
      return "server"
    default:
      return "metadata"
  }
}

/** The verdict of a check that needs an authorization server, if discovery found none. */
export const unresolvedVerdict = (check: Check, resolution: Unresolved): Verdict => {
  if (resolution._tag === "Unreached") return skipped
  const { error } = resolution
  if (error._tag === "SignInNotOffered") return note(notNeeded)
  return brokenCheck(error) === check ? wrongBy(error) : skipped
}

/** True if nothing describes the authorization server, and the endpoints of revision 2025-03-26 of MCP are used. */
export const isGuessed = (server: RemoteServer, resolution: Resolution): boolean =>
  resolution._tag === "Discovered" &&
  JSON.stringify(resolution.discovered.metadata) === JSON.stringify(endpointsWithoutMetadata(server.url))

/** True if a sign-in opens a browser. */
export const needsBrowser = (server: RemoteServer, { authorizationServer }: Resolved): boolean =>
  grantFor(server, authorizationServer)._tag === "AuthorizationCode"
