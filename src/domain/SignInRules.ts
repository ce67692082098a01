import type { AuthorizationServerMetadata } from "./AuthorizationServer.ts"
import type { Credential } from "./Credential.ts"
import { isSameIssuer } from "./Issuer.ts"
import { type Grant, isNonInteractiveGrant, type RemoteServer } from "./Server.ts"
import { AuthorizationServerChanged, DpopUnsupported, PkceUnsupported } from "./SignInError.ts"

/**
 * Why a code cannot be requested with PKCE (MCP "Authorization Code Protection"): the metadata does not announce S256,
 * and the configuration does not switch PKCE off.
 *
 * @param metadata absent: endpoints by hand, which have no metadata to check
 */
export const pkceProblem = (
  { name, oauth }: RemoteServer,
  metadata: AuthorizationServerMetadata | undefined
): PkceUnsupported | undefined => {
  const announced = metadata?.code_challenge_methods_supported
  if (!oauth.usePkce || metadata === undefined || announced?.includes("S256") === true) return undefined
  return new PkceUnsupported({
    server: name,
    issuer: metadata.issuer,
    ...(announced === undefined ? {} : { announced })
  })
}

/**
 * True if tokens are bound to a key (RFC 9449): as the configuration says, else if the MCP server requires it.
 *
 * @param required the MCP server accepts only bound tokens
 */
export const isDpopBound = ({ oauth }: RemoteServer, required: boolean): boolean => oauth.dpop ?? required

/**
 * Why tokens cannot be bound to a key (RFC 9449 §5.1): the metadata does not announce DPoP with ES256.
 *
 * @param metadata absent: endpoints by hand, which have no metadata to check
 * @param required the MCP server accepts only bound tokens; otherwise the configuration requests them
 */
export const dpopProblem = (
  { name }: RemoteServer,
  metadata: AuthorizationServerMetadata | undefined,
  required: boolean
): DpopUnsupported | undefined =>
  metadata === undefined || metadata.dpop_signing_alg_values_supported?.includes("ES256") === true
    ? undefined
    : new DpopUnsupported({ server: name, issuer: metadata.issuer, required })

/**
 * The scopes of a sign-in that adds some (MCP "Step-Up Authorization Flow"): also those of the configuration, and every one
 * that was requested or granted before, so that the new tokens lose none.
 *
 * @param before the credential of an earlier sign-in, if there was one
 */
export const scopesWith = (
  more: ReadonlyArray<string>,
  { oauth: { scopes } }: RemoteServer,
  before: Credential | undefined
): ReadonlyArray<string> => [...new Set([...(before?.scopesSoFar ?? []), ...(scopes ?? []), ...more])]

/** The scopes that a grant requests. Without a user, new tokens need no refresh token, so `offline_access` is left out. */
export const scopesOfGrant = (grant: Grant, scopes: ReadonlyArray<string>): ReadonlyArray<string> =>
  isNonInteractiveGrant(grant) ? scopes.filter((scope) => scope !== "offline_access") : scopes

/**
 * Why the configured client must not be sent to an issuer: it was used at another one, and the configuration names no
 * issuer. A client that this program registered is registered again instead.
 *
 * @param stored the credential of an earlier sign-in
 * @param issuer the issuer that the server names now
 */
export const issuerProblem = (
  { name, oauth }: RemoteServer,
  account: string,
  stored: Credential | undefined,
  issuer: string
): AuthorizationServerChanged | undefined =>
  stored?.registration._tag === "Configured" &&
  oauth.issuer === undefined &&
  !isSameIssuer(stored.issuer, issuer)
    ? new AuthorizationServerChanged({ server: name, account, before: stored.issuer, now: issuer })
    : undefined
