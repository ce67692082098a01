import { Effect } from "effect"
import {
  type Grant,
  grantTypes,
  type IdentityProvider,
  nonInteractiveGrantTypes
} from "../../domain/Server.ts"
import { addressProblem } from "../../domain/ServerRules.ts"
import { clientFields, readClient, readSecretSource } from "./ClientFields.ts"
import type { Block } from "./Cursor.ts"
import { ownOAuthField } from "./ForeignFields.ts"

/** True if the block names a grant that needs no user. Other fields may still contain variables. */
export const namesMachineGrant = (block: Block): boolean =>
  Object.values<unknown>(nonInteractiveGrantTypes).includes(block.field("grant_type").value)

/** The fields of the grant. */
export const grantFields = ["grant_type", "assertion", "assertion_file", "identity_provider"]

/** The fields of the `identity_provider` block. Any other is reported as unknown. */
export const identityProviderFields = [
  "token_url",
  ...clientFields,
  "subject_token",
  "subject_token_file",
  "subject_token_type"
]

const readIdentityProvider = Effect.fnUntraced(function* (
  given: Block
): Effect.fn.Return<IdentityProvider | undefined> {
  const block = given.suggesting(ownOAuthField)
  block.warnUnknown(identityProviderFields)
  const tokenEndpoint = yield* block.url("token_url", addressProblem)
  const { client } = yield* readClient(block, (name) => block.secret(name))
  const subjectToken = yield* readSecretSource(block, "subject_token")
  const type = yield* block.oneOf("subject_token_type", ["id_token", "saml2"])
  block.require("token_url")
  block.require("client_id")
  if (!block.has("subject_token")) {
    block.require(
      "subject_token_file",
      "it contains the token that the identity provider issued at the sign-in"
    )
  }
  return tokenEndpoint === undefined || client === undefined || subjectToken === undefined
    ? undefined
    : { tokenEndpoint, client, subjectToken, subjectTokenType: type ?? "id_token" }
})

/** Fields that belong to one grant only, and their grant. */
const fieldsOfGrant = {
  assertion: "jwt_bearer",
  assertion_file: "jwt_bearer",
  identity_provider: "enterprise_managed"
} as const

/** Reads the grant. Undefined: none is configured, or it has errors or variables that are not filled in yet. */
export const readGrant = Effect.fnUntraced(function* (
  block: Block,
  { hasProof }: { readonly hasProof: boolean }
): Effect.fn.Return<Grant | undefined> {
  const grantType = yield* block.oneOf("grant_type", Object.values(grantTypes))
  const assertion = yield* readSecretSource(block, "assertion")
  const identityProviderBlock = block.child("identity_provider")
  const identityProvider = identityProviderBlock && (yield* readIdentityProvider(identityProviderBlock))
  for (const [name, grant] of Object.entries(fieldsOfGrant)) {
    const isKnown = grantType !== undefined || !block.has("grant_type")
    if (block.has(name) && isKnown && grantType !== grant) {
      block.error(name, `is only for "grant_type": "${grant}"`)
    }
  }
  switch (grantType) {
    case undefined:
      return undefined
    case "authorization_code":
      return { _tag: "AuthorizationCode" }
    case "device_code":
      return { _tag: "DeviceCode" }
    case "client_credentials":
      block.require("client_id", "the client_credentials grant belongs to a client")
      if (!hasProof) {
        block.require(
          "client_secret",
          "client_credentials needs it, or a client_secret_file or private_key_file"
        )
      }
      return { _tag: "ClientCredentials" }
    case "jwt_bearer":
      block.require("client_id", "the jwt_bearer grant sends it too")
      if (!block.has("assertion")) {
        block.require("assertion_file", "it contains the JWT that jwt_bearer sends")
      }
      return assertion && { _tag: "JwtBearer", assertion }
    case "enterprise_managed":
      block.require("client_id", "it is the client at the authorization server of the MCP server")
      block.require("identity_provider", "it issues the assertion for the user")
      return identityProvider && { _tag: "EnterpriseManaged", identityProvider }
  }
})
