import { Effect } from "effect"
import type { Grant, IdentityProvider } from "../../domain/Server.ts"
import { addressProblem } from "./AddressRule.ts"
import { clientFields, readClient, secretSource } from "./ClientFields.ts"
import {
  at,
  fieldsOf,
  type Findings,
  has,
  type JsonObject,
  missing,
  oneOf,
  string,
  url,
  warnUnknown
} from "./Fields.ts"

/** The names of the grants in the file: their last parts in the registry of OAuth. */
const grantTypes = [
  "authorization_code",
  "device_code",
  "client_credentials",
  "jwt_bearer",
  "enterprise_managed"
] as const

/** Whether a block names a grant that needs no user, whatever else is still to be filled in. */
export const namesMachineGrant = (fields: JsonObject): boolean =>
  ["client_credentials", "jwt_bearer", "enterprise_managed"].some((name) => fields["grant_type"] === name)

/** The fields of how tokens are come by. */
export const grantFields = ["grant_type", "assertion", "assertion_file", "identity_provider"]

const identityProviderFields = [
  "token_url",
  ...clientFields,
  "subject_token",
  "subject_token_file",
  "subject_token_type"
]

const readIdentityProvider = Effect.fnUntraced(function* (
  findings: Findings,
  path: string,
  fields: JsonObject
): Effect.fn.Return<IdentityProvider | undefined> {
  warnUnknown(findings, path, fields, identityProviderFields)
  const tokenEndpoint = yield* url(findings, path, fields, "token_url", addressProblem)
  const { client } = yield* readClient(findings, path, fields)
  const subjectToken = yield* secretSource(findings, path, fields, "subject_token")
  const type = yield* string(findings, path, fields, "subject_token_type", oneOf(["id_token", "saml2"]))
  if (!has(fields, "token_url")) missing(findings, path, fields, "token_url")
  if (!has(fields, "client_id")) missing(findings, path, fields, "client_id")
  if (!has(fields, "subject_token") && !has(fields, "subject_token_file")) {
    missing(
      findings,
      path,
      fields,
      "subject_token_file",
      "it holds what the identity provider gave at the sign-in"
    )
  }
  return tokenEndpoint === undefined || client === undefined || subjectToken === undefined
    ? undefined
    : { tokenEndpoint, client, subjectToken, subjectTokenType: type === "saml2" ? "saml2" : "id_token" }
})

/** The fields that belong to one grant only, and which. */
const fieldsOfGrant = {
  assertion: "jwt_bearer",
  assertion_file: "jwt_bearer",
  identity_provider: "enterprise_managed"
} as const

/** Reads how tokens are come by. */
export const readGrant = Effect.fnUntraced(function* (
  findings: Findings,
  path: string,
  fields: JsonObject,
  { hasProof }: { readonly hasProof: boolean }
): Effect.fn.Return<Grant | undefined> {
  const text = yield* string(findings, path, fields, "grant_type", oneOf(grantTypes))
  const grantType = grantTypes.find((known) => known === text)
  const assertion = yield* secretSource(findings, path, fields, "assertion")
  const placeOfProvider = at(path, "identity_provider")
  const fieldsOfProvider = has(fields, "identity_provider")
    ? fieldsOf(findings, placeOfProvider, fields["identity_provider"])
    : undefined
  const identityProvider =
    fieldsOfProvider && (yield* readIdentityProvider(findings, placeOfProvider, fieldsOfProvider))
  for (const [name, of] of Object.entries(fieldsOfGrant)) {
    if (has(fields, name) && grantType !== of && (text !== undefined || !has(fields, "grant_type"))) {
      findings.error(at(path, name), `is only for "grant_type": "${of}"`)
    }
  }
  const needsClient = (why: string) => {
    if (!has(fields, "client_id")) missing(findings, path, fields, "client_id", why)
  }
  switch (grantType) {
    case undefined:
      return undefined
    case "authorization_code":
      return { _tag: "AuthorizationCode" }
    case "device_code":
      return { _tag: "DeviceCode" }
    case "client_credentials":
      needsClient("the client_credentials grant is that client's own")
      if (!hasProof) {
        missing(findings, path, fields, "client_secret", "client_credentials needs it, or a private_key_file")
      }
      return { _tag: "ClientCredentials" }
    case "jwt_bearer":
      needsClient("the jwt_bearer grant names the client too")
      if (!has(fields, "assertion") && !has(fields, "assertion_file")) {
        missing(findings, path, fields, "assertion_file", "it holds the JWT that jwt_bearer sends")
      }
      return assertion && { _tag: "JwtBearer", assertion }
    case "enterprise_managed":
      needsClient("the authorization server of the MCP server knows this client")
      if (!has(fields, "identity_provider")) {
        missing(findings, path, fields, "identity_provider", "it vouches for the user")
      }
      return identityProvider && { _tag: "EnterpriseManaged", identityProvider }
  }
})
