import { Context, type Effect, type Redacted } from "effect"

/** The request that a proof is for. */
export interface DpopRequest {
  readonly method: string
  /** A proof leaves out its query and fragment (RFC 9449 §4.2). */
  readonly url: URL
  /** The access token that the request carries; absent at a token endpoint. */
  readonly accessToken?: Redacted.Redacted
}

/**
 * Proves that the sender of a request has the key that its tokens are bound to (RFC 9449). An implementation decides what
 * the text of a key is: the private JWK, or a handle of a key in hardware. Nonces are remembered per origin until the
 * process ends.
 */
export class DpopProofs extends Context.Service<
  DpopProofs,
  {
    /** Creates a key for ES256. */
    readonly makeKey: Effect.Effect<Redacted.Redacted>
    /** The thumbprint of the public key (RFC 7638), for the `dpop_jkt` of an authorization request (RFC 9449 §10). */
    readonly thumbprint: (key: Redacted.Redacted) => Effect.Effect<string>
    /** Creates the `DPoP` header of one request, with the newest nonce of its origin. It can be used once. */
    readonly prove: (key: Redacted.Redacted, request: DpopRequest) => Effect.Effect<string>
    /** Remembers the nonce in an answer (RFC 9449 §8.2). True if there is one. */
    readonly learn: (url: URL, answer: Headers) => Effect.Effect<boolean>
  }
>()("mcp-cli-oauth/ports/DpopProofs") {}
