import { type Redacted } from "effect"
import { Credential } from "./Credential.ts"
import { TokenSet } from "./TokenSet.ts"

/**
 * The record of a secret that is no sign-in, so that every store of sign-ins can hold it.
 *
 * @param name what the secret is called: the provider of a model, or the secret of a server
 * @param destination the only place that it is sent to
 */
export const secretRecord = (
  name: string,
  destination: string,
  secret: Redacted.Redacted,
  now: number
): Credential =>
  new Credential({
    resource: destination,
    issuer: destination,
    tokenEndpoint: destination,
    registration: { _tag: "Configured", clientId: name, authenticationMethod: "none" },
    tokens: new TokenSet({ accessToken: secret, tokenType: "key", obtainedAt: now }),
    grantedScopes: [],
    generation: 1
  })
