import { Redacted } from "effect"
import { Credential } from "../Credential.ts"
import { CredentialKey } from "../CredentialKey.ts"
import { TokenSet } from "../TokenSet.ts"

/** No server of a configuration has this character in its name. */
const mark = "\u0001"

/** The name under which the key of a provider of models is stored, among the sign-ins. */
export const modelKeyName = (provider: string): CredentialKey => CredentialKey.of(`${mark}${provider}`)

/** The provider of a stored key; undefined for a sign-in. */
export const providerOfKey = ({ server }: CredentialKey): string | undefined =>
  server.startsWith(mark) ? server.slice(mark.length) : undefined

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
