import { Effect } from "effect"
import type { Grant } from "../../../domain/Server.ts"
import { SignInRequired } from "../../../domain/SignInError.ts"
import type { SignedIn, SignInContext } from "../SignInContext.ts"
import { deviceCodeGrant } from "./DeviceCodeGrant.ts"
import { loopbackGrant } from "./LoopbackGrant.ts"
import { nonInteractiveGrant } from "./NonInteractiveGrant.ts"

/** Signs in by one grant and stores the credential. */
export type GrantFlow<G extends Grant, E, R> = (
  context: SignInContext,
  grant: G
) => Effect.Effect<SignedIn, E, R>

/** One flow for every grant. */
export type GrantFlows<E, R> = { readonly [G in Grant as G["_tag"]]: GrantFlow<G, E, R> }

const nonInteractive = {
  ClientCredentials: nonInteractiveGrant,
  JwtBearer: nonInteractiveGrant,
  EnterpriseManaged: nonInteractiveGrant
}

/** The grants of a program whose user is at this machine. */
export const interactiveGrants = {
  ...nonInteractive,
  AuthorizationCode: loopbackGrant,
  DeviceCode: deviceCodeGrant
}

const requireUser = ({ key: { account, server } }: SignInContext) =>
  new SignInRequired({ server, account, why: "non-interactive" })

/** The grants of a program without a user, such as a web server: the others fail with `SignInRequired`. */
export const nonInteractiveGrants = {
  ...nonInteractive,
  AuthorizationCode: requireUser,
  DeviceCode: requireUser
}
