import { Redacted } from "effect"
import { Credential } from "../Credential.ts"
import { TokenSet } from "../TokenSet.ts"

/** The record of a key, so that every store of sign-ins can hold it. */
export const modelKeyRecord = (
  provider: string,
  origin: string,
  key: Redacted.Redacted,
  now: number
): Credential =>
  new Credential({
    resource: origin,
    issuer: origin,
    tokenEndpoint: origin,
    registration: { _tag: "Configured", clientId: provider, authenticationMethod: "none" },
    tokens: new TokenSet({ accessToken: key, tokenType: "key", obtainedAt: now }),
    grantedScopes: [],
    generation: 1
  })
