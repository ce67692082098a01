import { Effect } from "effect"
import { protocolParameters } from "../../domain/AuthorizationRequest.ts"
import { isIssuerUrl } from "../../domain/AuthorizationServer.ts"
import { clientMetadataUrlProblem } from "../../domain/ClientMetadata.ts"
import {
  endpointRows,
  oauthEndpoints,
  type OptionalEndpoint,
  optionalEndpoints,
  optionalEndpointsFrom
} from "../../domain/OAuthEndpoints.ts"
import {
  type AuthorizationSource,
  type ClientAuthenticationMethod,
  clientAuthenticationMethods,
  defaultOAuth,
  type EndpointsByHand,
  type Grant,
  isNonInteractiveGrant,
  type OAuthSettings
} from "../../domain/Server.ts"
import type { ConfiguredValue } from "../../domain/SecretReference.ts"
import { loopbackRedirectProblem, notUrlProblem, scopeProblem } from "../../domain/ServerRules.ts"
import { clientFields, readClient } from "./ClientFields.ts"
import type { Block, Check } from "./Cursor.ts"
import { ownOAuthField } from "./ForeignFields.ts"
import { grantFields, namesMachineGrant, readGrant } from "./GrantFields.ts"

/** The fields of an `oauth` block. Any other is reported as unknown. */
export const oauthFields = [
  ...endpointRows.flatMap(({ configurationKey }) => configurationKey ?? []),
  ...grantFields,
  ...clientFields,
  "dpop",
  "scopes",
  "redirect_uri",
  "use_pkce",
  "assume_pkce",
  "send_resource",
  "provider_quirks",
  "issuer",
  "client_metadata_url",
  "allow_private_addresses",
  "extra_auth_params",
  "token_endpoint_auth_method"
]

/** What is wrong with the address of a server. Undefined: nothing. */
export type AddressCheck = (address: URL) => string | undefined

/** Issuers are compared as text, so it stays as written. */
const issuerProblem =
  (addressProblem: AddressCheck): Check =>
  (text) => {
    const address = URL.parse(text)
    if (address === null) return notUrlProblem(text)
    return addressProblem(address) ?? (isIssuerUrl(address) ? undefined : "must not have a query (?…)")
  }

/** True if the block configures the endpoints instead of discovering them. */
const isByHand = (block: Block): boolean => block.has("authorization_url") || block.has("token_url")

const readEndpoints = Effect.fnUntraced(function* (block: Block, addressProblem: AddressCheck) {
  const authorizationEndpoint = yield* block.url("authorization_url", addressProblem)
  const tokenEndpoint = yield* block.url("token_url", addressProblem)
  const registrationEndpoint = yield* block.url(oauthEndpoints.registration.configurationKey, addressProblem)
  const optional = new Map<OptionalEndpoint, URL | undefined>()
  for (const name of optionalEndpoints) {
    optional.set(name, yield* block.url(oauthEndpoints[name].configurationKey, addressProblem))
  }
  return {
    ...(authorizationEndpoint === undefined ? {} : { authorizationEndpoint }),
    ...(registrationEndpoint === undefined ? {} : { registrationEndpoint }),
    tokenEndpoint,
    endpoints: optionalEndpointsFrom((name) => optional.get(name))
  }
})

/** Reports endpoints without the fields that they need. */
const checkEndpoints = (block: Block, grant: Grant | undefined): void => {
  if (!isByHand(block)) {
    for (const { configurationKey } of endpointRows) {
      if (configurationKey !== undefined && block.has(configurationKey)) {
        block.require("token_url", `${configurationKey} is given, and needs it`)
      }
    }
    return
  }
  if (grant?._tag === "DeviceCode") {
    block.require(
      oauthEndpoints.deviceAuthorization.configurationKey,
      "token_url is given, and the device_code grant needs it"
    )
  } else if (grant === undefined ? !block.has("grant_type") : !isNonInteractiveGrant(grant)) {
    block.require("authorization_url", "token_url is given, and needs it")
  }
  if (grant?._tag === "EnterpriseManaged") {
    block.require(
      "issuer",
      "token_url is given, and the assertion of the identity provider needs an audience"
    )
  }
  block.require("token_url", "authorization_url is given, and needs it")
  if (!block.has(oauthEndpoints.registration.configurationKey)) {
    block.require(
      "client_id",
      "configured endpoints need the client that is registered there, or registration_url to register one"
    )
  }
}

/** Reports fields of the client that do not fit each other. */
const checkClient = (
  block: Block,
  client: {
    readonly secretField: string | undefined
    readonly signs: boolean
    readonly method: ClientAuthenticationMethod | undefined
  }
): void => {
  const { method, secretField, signs } = client
  if (secretField !== undefined || signs) {
    block.require("client_id", `${signs ? "a private key" : secretField} is given, and needs it`)
  }
  switch (method) {
    case undefined:
      return
    case "none":
      if (secretField !== undefined) {
        block.error("token_endpoint_auth_method", `must not be none: there is a ${secretField}`)
      }
      if (signs) block.error("token_endpoint_auth_method", "must not be none: there is a private key")
      return
    case "private_key_jwt":
      if (!signs) block.require("private_key_file", `${method} signs with it`)
      return
    default:
      if (signs) {
        block.error(
          "token_endpoint_auth_method",
          `is ${method}, which sends a secret, and there is a private key: remove one of them`
        )
      } else if (block.has("client_id") && secretField === undefined) {
        block.require("client_secret", `${method} needs it`)
      }
  }
}

/** Warns about fields that have no effect or are risky. */
const warnRisks = (block: Block): void => {
  if (block.has("client_id") && block.has("registration_url")) {
    block.warn("registration_url", "is not used: client_id has precedence")
  }
  if (block.has("client_id") && block.has("client_metadata_url")) {
    block.warn("client_metadata_url", "is not used: client_id has precedence")
  }
  if (namesMachineGrant(block) && !isByHand(block) && !block.has("issuer")) {
    block.warn(
      "issuer",
      "is missing: without it this client's secret, or its assertion, goes to the first authorization server that the MCP server names"
    )
  }
}

/**
 * Reads an `oauth` block. Values with variables that are not filled in yet are assumed to be valid.
 *
 * @param addressProblem the rule for addresses of the authorization server
 */
export const readOAuth = Effect.fnUntraced(function* (
  given: Block,
  addressProblem: AddressCheck
): Effect.fn.Return<OAuthSettings<ConfiguredValue>> {
  const block = given.suggesting(ownOAuthField)
  block.warnUnknown(oauthFields)
  const endpoints = yield* readEndpoints(block, addressProblem)
  const { client, secretField, signs } = yield* readClient(block, (name) => block.configuredSecret(name))
  const grant = yield* readGrant(block, { hasProof: secretField !== undefined || signs })
  const scopes = yield* block.strings("scopes", scopeProblem)
  const redirectUri = yield* block.url("redirect_uri", loopbackRedirectProblem)
  const dpop = block.boolean("dpop")
  const usePkce = block.boolean("use_pkce")
  const assumePkce = block.boolean("assume_pkce")
  const sendResource = block.boolean("send_resource")
  const providerQuirks = block.boolean("provider_quirks")
  const issuer = yield* block.string("issuer", issuerProblem(addressProblem))
  const clientMetadataUrl = yield* block.string("client_metadata_url", clientMetadataUrlProblem)
  const allowPrivateAddresses = block.boolean("allow_private_addresses")
  const extraAuthParams = yield* block.entries("extra_auth_params", {
    // Some servers issue tokens for another resource than their URL: a tenant, or an API of the company.
    name: (name) =>
      protocolParameters.has(name) && name !== "resource"
        ? `"${name}" is a parameter of the protocol and cannot be replaced`
        : undefined
  })
  const method = yield* block.oneOf("token_endpoint_auth_method", clientAuthenticationMethods)

  checkEndpoints(block, grant)
  checkClient(block, { method, secretField, signs })
  warnRisks(block)

  const { tokenEndpoint, ...otherEndpoints } = endpoints
  const hasClient = client !== undefined || endpoints.registrationEndpoint !== undefined
  const byHand: EndpointsByHand<ConfiguredValue> | undefined =
    tokenEndpoint === undefined || !hasClient
      ? undefined
      : { _tag: "ByHand", ...otherEndpoints, tokenEndpoint, client }
  const discovered: AuthorizationSource<ConfiguredValue> = { _tag: "Discovered", client }
  return {
    source: byHand ?? discovered,
    grant,
    dpop,
    scopes: block.has("scopes") ? scopes : undefined,
    redirectUri: redirectUri ?? defaultOAuth.redirectUri,
    usePkce: usePkce ?? defaultOAuth.usePkce,
    assumePkce,
    sendResource,
    providerQuirks: providerQuirks ?? defaultOAuth.providerQuirks,
    issuer,
    clientMetadataUrl,
    allowPrivateAddresses: allowPrivateAddresses ?? defaultOAuth.allowPrivateAddresses,
    extraAuthParams: Object.fromEntries(extraAuthParams),
    tokenEndpointAuthMethod: method
  }
})
