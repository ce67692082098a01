import { Redacted, Schema } from "effect"
import type { ExpectedResponse } from "./AuthorizationResponse.ts"
import { requestAuthentications } from "./ClientAuthentication.ts"
import { Credential, type OAuthClient } from "./Credential.ts"
import { CredentialKey } from "./CredentialKey.ts"
import type { RemoteServer } from "./Server.ts"

const Secret = Schema.RedactedFromValue(Schema.NonEmptyString)

/**
 * A sign-in between its authorization request and the callback: one record, for one callback, until `expiresAt`.
 *
 * The schema encodes it to JSON, so that another process can complete it. The encoded record holds secrets in the clear:
 * store it encrypted and on the server only. The secret and the private key of a configured client are not in it; they
 * are read from the configuration when the sign-in completes.
 */
export class PendingSignIn extends Schema.Class<PendingSignIn>("PendingSignIn")({
  server: Schema.NonEmptyString,
  account: Schema.NonEmptyString,
  /** The credential that the tokens complete. It fixes the resource, the issuer, the endpoints and the client. */
  draft: Credential,
  /** How the client authenticates at the token endpoint, best first. */
  methods: Schema.NonEmptyArray(Schema.Literals(requestAuthentications)),
  /** The client was registered for an earlier sign-in, so the authorization server may have forgotten it. */
  isClientReused: Schema.Boolean,
  /** The authorization URL; it contains `state`. */
  authorizationUrl: Secret,
  redirectUri: Schema.NonEmptyString,
  /** Binds the callback to this record (RFC 6749 §10.12). */
  state: Secret,
  /** PKCE code verifier (RFC 7636 §4.1). Absent: the configuration turns PKCE off. */
  codeVerifier: Schema.optionalKey(Secret),
  /** The private key that the code and the tokens are bound to (RFC 9449). Absent: plain bearer tokens. */
  dpopKey: Schema.optionalKey(Secret),
  /** The `iss` to expect in the callback (RFC 9207). Absent: no issuer is known. */
  responseIssuer: Schema.optionalKey(Schema.NonEmptyString),
  /** A callback without `iss` is rejected, since the authorization server announces that it always sends one. */
  isResponseIssuerRequired: Schema.Boolean,
  /** `iss` is compared as text. Absent: a bare origin may end with a slash or not. */
  isResponseIssuerExact: Schema.optionalKey(Schema.Boolean),
  /** Milliseconds since the epoch. */
  expiresAt: Schema.Finite
}) {
  /** Where to send the user's browser. */
  get url(): URL {
    return new URL(Redacted.value(this.authorizationUrl))
  }

  /** The server and account that this sign-in is for. */
  get key(): CredentialKey {
    return CredentialKey.of(this.server, this.account, this.draft.resource)
  }

  /** What the callback has to match. */
  get expectedResponse(): ExpectedResponse {
    return {
      secrets: { state: this.state },
      issuer: this.responseIssuer,
      issuerRequired: this.isResponseIssuerRequired,
      issuerExact: this.isResponseIssuerExact
    }
  }

  /** True if it is too late to complete this sign-in at `now`, in milliseconds since the epoch. */
  hasExpired(now: number): boolean {
    return this.expiresAt <= now
  }

  /** True if the server is the one that this sign-in began with: the same name, resource, issuer and client. */
  isFor(server: RemoteServer): boolean {
    return this.server === server.name && this.draft.isFor(server)
  }

  /** The client of the code exchange, with the secret or key that the configuration has now. */
  clientAt(server: RemoteServer): OAuthClient {
    return { ...this.draft.clientAt(server), methods: this.methods }
  }
}
