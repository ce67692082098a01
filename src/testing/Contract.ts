import { Effect, Option, Redacted, Schema } from "effect"
import { DynamicRegistration } from "../domain/ClientRegistration.ts"
import { Credential, isSameCredential } from "../domain/Credential.ts"
import { TokenSet } from "../domain/TokenSet.ts"

/** An implementation does not do what its port promises. */
export class ContractViolation extends Schema.TaggedError<ContractViolation>()("ContractViolation", {
  /** What it should have done. */
  expected: Schema.String
}) {
  override get message(): string {
    return `The contract is violated: ${this.expected}.`
  }
}

/**
 * One promise of a port, as an effect that fails if an implementation breaks it. Any test runner can run it. Run each
 * case on a fresh layer, with the live clock: implementations may poll.
 */
export interface ContractCase<R, E> {
  readonly name: string
  readonly run: Effect.Effect<void, ContractViolation | E, R>
}

/** Fails with a `ContractViolation` unless the condition holds. */
export const ensure = (condition: boolean, expected: string): Effect.Effect<void, ContractViolation> =>
  condition ? Effect.void : new ContractViolation({ expected })

/** Fails with a `ContractViolation` unless this is the credential that was found. */
export const ensureCredential = (
  found: Option.Option<Credential>,
  expected: Credential,
  what: string
): Effect.Effect<void, ContractViolation> =>
  ensure(
    Option.exists(found, (credential) => isSameCredential(credential, expected)),
    what
  )

/** A credential with every field set. Its tokens contain this text. */
export const exampleCredential = (accessToken: string, generation = 1): Credential =>
  new Credential({
    resource: "https://mcp.notion.com/mcp",
    issuer: "https://mcp.notion.com",
    tokenEndpoint: "https://mcp.notion.com/token",
    revocationEndpoint: "https://mcp.notion.com/revoke",
    resourceParameter: "https://mcp.notion.com/mcp",
    registration: new DynamicRegistration({
      clientId: "client",
      clientSecret: Redacted.make("the client secret"),
      authenticationMethod: "client_secret_post",
      redirectUri: "http://localhost:8080/callback",
      secretExpiresAt: 1_800_000_000_000
    }),
    tokens: new TokenSet({
      accessToken: Redacted.make(accessToken),
      tokenType: "bearer",
      obtainedAt: 1_700_000_000_000,
      expiresAt: 1_700_000_003_600,
      refreshToken: Redacted.make(`refresh of ${accessToken}`),
      scope: "read write"
    }),
    grantedScopes: ["read", "write"],
    generation
  })
