import { Context, type Effect, type Redacted } from "effect"

/** What a proof is for. */
export interface DpopRequest {
  readonly method: string
  /** Its query and fragment are no part of a proof (RFC 9449 §4.2). */
  readonly url: URL
  /** The access token that the request carries; absent at a token endpoint. */
  readonly accessToken?: Redacted.Redacted
}

/**
 * Proofs that a request comes from whoever has the key that its tokens are bound to (RFC 9449). A key is the private JWK
 * as text. Nonces are remembered for each origin, as long as the process lives.
 */
export class DpopProofs extends Context.Service<
  DpopProofs,
  {
    /** A new key, for ES256. */
    readonly makeKey: Effect.Effect<Redacted.Redacted>
    /** The thumbprint of a key's public part (RFC 7638), to be named in the authorization request (RFC 9449 §10). */
    readonly thumbprint: (key: Redacted.Redacted) => Effect.Effect<string>
    /** The `DPoP` header of one request, with the newest nonce that the server has given. Good once. */
    readonly prove: (key: Redacted.Redacted, request: DpopRequest) => Effect.Effect<string>
    /** Remembers the nonce of an answer (RFC 9449 §8.2), if it has one; true where it has. */
    readonly learn: (url: URL, answer: Headers) => Effect.Effect<boolean>
  }
>()("mcp-cli-oauth/ports/DpopProofs") {}
