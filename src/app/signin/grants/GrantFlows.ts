import type { Effect } from "effect"
import type { Grant } from "../../../domain/Server.ts"
import type { SignedIn, SignInContext } from "../SignInContext.ts"

/** Signs in by one grant and stores the credential. */
export type GrantFlow<G extends Grant, E, R> = (
  context: SignInContext,
  grant: G
) => Effect.Effect<SignedIn, E, R>

/** One flow for every grant. */
export type GrantFlows<E, R> = { readonly [G in Grant as G["_tag"]]: GrantFlow<G, E, R> }
