import { Clock, Effect } from "effect"
import type { BearerChallenge } from "../../domain/Challenge.ts"
import type { Credential } from "../../domain/Credential.ts"
import type { CredentialKey } from "../../domain/CredentialKey.ts"
import { isSameIssuer } from "../../domain/Issuer.ts"
import { printable } from "../../domain/PrintableText.ts"
import type { RemoteServer } from "../../domain/Server.ts"
import { issuerProblem, scopesOfGrant, scopesWith } from "../../domain/SignInRules.ts"
import { Discovery, DiscoveryError } from "../../ports/Discovery.ts"
import { fewerScopes, renewsWithoutOffline } from "./FewerScopes.ts"
import { grantFor, lacksIssuer } from "./GrantChoice.ts"
import {
  type ResolvedAuthorizationServer,
  resolvedByDiscovery,
  resolvedByHand
} from "./ResolvedAuthorizationServer.ts"
import { usableRegistration } from "./SignInClient.ts"
import type { SignInContext } from "./SignInContext.ts"

/** What to sign in to, whichever way. */
export interface SignInTarget {
  readonly server: RemoteServer
  /** Absent: the default account. */
  readonly account?: string | undefined
  /** The challenge that the server answered with. Absent: discovery requests one. */
  readonly challenge?: BearerChallenge | undefined
  /** Requests exactly these scopes. Absent: those of the configuration, otherwise those that the server requires. */
  readonly scopes?: ReadonlyArray<string> | undefined
  /** Requests these scopes and all that were requested or granted before (MCP "Step-Up Authorization Flow"). */
  readonly moreScopes?: ReadonlyArray<string> | undefined
}

const resolveAuthorizationServer = Effect.fn("PrepareSignIn.resolveAuthorizationServer")(function* ({
  challenge,
  server
}: SignInTarget) {
  const { source } = server.oauth
  if (source._tag === "ByHand") return resolvedByHand(server, source)
  const discovery = yield* Discovery
  return resolvedByDiscovery(server, yield* discovery.discover(server, challenge))
})

/** The scopes to request. `before` is the stored credential of the same authorization server. */
const scopesFor = (
  { moreScopes, scopes, server }: SignInTarget,
  found: ResolvedAuthorizationServer,
  before: Credential | undefined
): ReadonlyArray<string> => {
  if (scopes !== undefined) return scopes
  return moreScopes === undefined ? found.scopes : scopesWith(moreScopes, server, before)
}

/**
 * Finds the authorization server, and chooses the grant and the scopes. Fails if a configured client's secret could reach an
 * authorization server that the configuration does not name.
 *
 * @param stored the credential that the sign-in will replace
 */
export const prepareSignIn = Effect.fn("PrepareSignIn.prepare")(function* (
  target: SignInTarget & { readonly device?: boolean | undefined },
  key: CredentialKey,
  stored: Credential | undefined
) {
  const { device, server } = target
  const found = yield* resolveAuthorizationServer(target)
  const before = stored !== undefined && isSameIssuer(stored.issuer, found.issuer) ? stored : undefined
  const changed = issuerProblem(server, key.account, stored, found.issuer)
  if (changed !== undefined) return yield* changed
  if (device !== true && lacksIssuer(server, found)) {
    return yield* new DiscoveryError({
      server: server.name,
      reason: "issuer not named",
      detail: `${printable(found.issuer)} gives tokens to a client in its own name alone`
    })
  }
  const grant = grantFor(server, found, device)
  const chosen = scopesOfGrant(grant, scopesFor(target, found, before))
  const isOwnChoice =
    target.scopes === undefined && target.moreScopes === undefined && server.oauth.scopes === undefined
  const otherScopes = isOwnChoice ? fewerScopes(chosen) : []
  const [withoutOffline] = renewsWithoutOffline(before, chosen) ? otherScopes : []
  const scopes = withoutOffline ?? chosen
  const now = yield* Clock.currentTimeMillis
  const registration = before?.registration
  const context: SignInContext = {
    server,
    key,
    authorizationServer: { ...found, scopes },
    known: usableRegistration(registration, scopes, now, before?.grantedScopes),
    spare: usableRegistration(before?.spareRegistration, scopes, now),
    otherScopes: withoutOffline === undefined ? otherScopes : otherScopes.slice(1),
    isRetired: registration?._tag === "Dynamic" && registration.hasExpired(now),
    accepted: registration?._tag === "Configured" ? before?.clientAt(server).methods[0] : undefined
  }
  return { grant, context }
})
