import { Effect, type Redacted } from "effect"
import type { ClientRegistration, DynamicRegistration } from "../../domain/ClientRegistration.ts"
import type { Credential } from "../../domain/Credential.ts"
import type { CredentialKey } from "../../domain/CredentialKey.ts"
import type { RemoteServer, NonInteractiveGrant } from "../../domain/Server.ts"
import { DpopUnsupported } from "../../domain/SignInError.ts"
import type { TokenSet } from "../../domain/TokenSet.ts"
import type { LockError } from "../../ports/CredentialLock.ts"
import type { StorageError } from "../../ports/CredentialStore.ts"
import { DpopProofs } from "../../ports/DpopProofs.ts"
import type { ResolvedAuthorizationServer } from "./ResolvedAuthorizationServer.ts"

/** A credential, and the tokens in it. */
export interface SignedIn {
  readonly credential: Credential
  readonly tokens: TokenSet
}

/** One sign-in, whatever grant it takes. */
export interface Flow {
  readonly server: RemoteServer
  readonly key: CredentialKey
  readonly authorizationServer: ResolvedAuthorizationServer
  /** The client that was registered for an earlier flow, and may ask for the same scopes. */
  readonly known: DynamicRegistration | undefined
  /** Keeps what the sign-in has led to. It and the request for the tokens must not be interrupted apart. */
  readonly save: (
    registration: ClientRegistration,
    tokens: TokenSet,
    grant?: NonInteractiveGrant["_tag"]
  ) => Effect.Effect<SignedIn, StorageError | LockError>
}

/** The key that the tokens of a flow are to be bound to (RFC 9449); none where they are plain bearer tokens. */
export const dpopKeyFor: (
  flow: Flow
) => Effect.Effect<Redacted.Redacted | undefined, DpopUnsupported, DpopProofs> = Effect.fn("Flow.dpopKeyFor")(
  function* ({ authorizationServer: { dpopRequired, issuer, metadata }, server: { name, oauth } }: Flow) {
    if (!(oauth.dpop ?? dpopRequired)) return undefined
    if (metadata !== undefined && !metadata.dpop_signing_alg_values_supported?.includes("ES256")) {
      return yield* new DpopUnsupported({ server: name, issuer, required: dpopRequired })
    }
    return yield* DpopProofs.use(({ makeKey }) => makeKey)
  }
)

/** The authorization server has forgotten a client that it once registered: it takes a new one. */
export class StaleRegistration {
  readonly _tag = "StaleRegistration"
}

/** Goes through a flow; once more with a new client where the one that is known turns out to be forgotten. */
export const withKnownClient = <A, E, R>(
  flow: Flow,
  attempt: (flow: Flow) => Effect.Effect<A, E | StaleRegistration, R>
): Effect.Effect<A, E, R> => {
  const isForgotten = (error: E | StaleRegistration): error is StaleRegistration =>
    error instanceof StaleRegistration
  return Effect.catchIf(attempt(flow), isForgotten, () =>
    // Nothing is reused this time, so nothing can be forgotten.
    Effect.catchIf(attempt({ ...flow, known: undefined }), isForgotten, Effect.die)
  ) as Effect.Effect<A, E, R>
}
