import { Effect } from "effect"
import { protocolParameters } from "../../domain/AuthorizationRequest.ts"
import { isIssuerUrl } from "../../domain/AuthorizationServer.ts"
import { clientMetadataUrlProblem } from "../../domain/ClientMetadata.ts"
import { hasUserInformation, isLoopbackHost } from "../../domain/SecureUrl.ts"
import {
  clientAuthenticationMethods,
  defaultOAuth,
  type EndpointsByHand,
  isNonInteractiveGrant,
  type OAuthSettings
} from "../../domain/Server.ts"
import { addressProblem } from "./AddressRule.ts"
import { clientFields, readClient } from "./ClientFields.ts"
import {
  at,
  boolean,
  type Check,
  type Findings,
  has,
  type JsonObject,
  missing,
  oneOf,
  record,
  string,
  strings,
  url,
  warnUnknown
} from "./Fields.ts"
import { grantFields, namesMachineGrant, readGrant } from "./GrantFields.ts"

const known = [
  "authorization_url",
  "token_url",
  "revocation_url",
  "device_authorization_url",
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

/** An issuer is compared letter by letter with what servers announce, so it is kept as it is written. */
const issuerProblem: Check = (text) => {
  const address = URL.parse(text)
  if (address === null) return "must be an absolute URL"
  return addressProblem(address) ?? (isIssuerUrl(address) ? undefined : "must not have a query (?…)")
}

const redirectProblem = (address: URL): string | undefined => {
  if (address.protocol !== "http:" || !isLoopbackHost(address.hostname)) {
    return "must be an http URL of this machine, such as http://localhost:8080/callback"
  }
  return hasUserInformation(address) || /[?#]/.test(address.href)
    ? "must not have a query, a fragment or a user name in it"
    : undefined
}

/** A scope-token of RFC 6749 §3.3. */
const scopeProblem: Check = (text) =>
  /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(text) ? undefined : "must be one scope, without spaces or quotes"

/** Reads an `oauth` block. What is filled in later is taken to be good until then. */
export const readOAuth = Effect.fnUntraced(function* (
  findings: Findings,
  path: string,
  fields: JsonObject
): Effect.fn.Return<OAuthSettings> {
  warnUnknown(findings, path, fields, known)
  const isByHand = has(fields, "authorization_url") || has(fields, "token_url")
  const hasSecret = has(fields, "client_secret")

  const authorizationEndpoint = yield* url(findings, path, fields, "authorization_url", addressProblem)
  const tokenEndpoint = yield* url(findings, path, fields, "token_url", addressProblem)
  const revocationEndpoint = yield* url(findings, path, fields, "revocation_url", addressProblem)
  const deviceAuthorizationEndpoint = yield* url(
    findings,
    path,
    fields,
    "device_authorization_url",
    addressProblem
  )
  const { client, hasProof, signs } = yield* readClient(findings, path, fields)
  const grant = yield* readGrant(findings, path, fields, { hasProof })
  const scopes = yield* strings(findings, path, fields, "scopes", scopeProblem)
  const redirectUri = yield* url(findings, path, fields, "redirect_uri", redirectProblem)
  const dpop = boolean(findings, path, fields, "dpop")
  const usePkce = boolean(findings, path, fields, "use_pkce")
  const assumePkce = boolean(findings, path, fields, "assume_pkce")
  const sendResource = boolean(findings, path, fields, "send_resource")
  const providerQuirks = boolean(findings, path, fields, "provider_quirks")
  const issuer = yield* string(findings, path, fields, "issuer", issuerProblem)
  const clientMetadataUrl = yield* string(
    findings,
    path,
    fields,
    "client_metadata_url",
    clientMetadataUrlProblem
  )
  const allowPrivateAddresses = boolean(findings, path, fields, "allow_private_addresses")
  const extraAuthParams = yield* record(findings, path, fields, "extra_auth_params", {
    // Endpoints by hand know no resource but the one that is written here.
    name: (name) =>
      protocolParameters.has(name) && !(name === "resource" && isByHand)
        ? `"${name}" is a parameter of the protocol and cannot be replaced`
        : undefined
  })
  const method = yield* string(
    findings,
    path,
    fields,
    "token_endpoint_auth_method",
    oneOf(clientAuthenticationMethods)
  )

  for (const name of ["revocation_url", "device_authorization_url"]) {
    if (!isByHand && has(fields, name)) {
      missing(findings, path, fields, "token_url", `${name} is given, and belongs to one`)
    }
  }
  if (has(fields, "client_id") && has(fields, "client_metadata_url")) {
    findings.warn(at(path, "client_metadata_url"), "is not used: client_id comes before it")
  }
  if (namesMachineGrant(fields) && !isByHand && !has(fields, "issuer")) {
    findings.warn(
      at(path, "issuer"),
      "is missing: without it this client's secret, or its assertion, goes to the first authorization server that the MCP server names"
    )
  }
  if (isByHand) {
    const needs = (name: string, why: string) => {
      if (!has(fields, name)) missing(findings, path, fields, name, why)
    }
    if (grant?._tag === "DeviceCode") {
      needs("device_authorization_url", "token_url is given, and the device_code grant needs it")
    } else if (grant === undefined ? !has(fields, "grant_type") : !isNonInteractiveGrant(grant)) {
      needs("authorization_url", "token_url is given, and needs it")
    }
    if (grant?._tag === "EnterpriseManaged") {
      needs("issuer", "token_url is given, and the identity provider has to name whom its assertion is for")
    }
    needs("token_url", "authorization_url is given, and needs it")
    needs("client_id", "endpoints given by hand need the client that is registered there")
  } else if (hasProof && !has(fields, "client_id")) {
    missing(
      findings,
      path,
      fields,
      "client_id",
      `${signs ? "a private key" : "client_secret"} is given, and belongs to one`
    )
  }
  if (method === "none" && hasSecret) {
    findings.error(at(path, "token_endpoint_auth_method"), "is none, which goes without a client_secret")
  }
  if (method === "none" && signs) {
    findings.error(at(path, "token_endpoint_auth_method"), "is none, which goes without a private key")
  }
  if (method === "private_key_jwt" && !signs) {
    missing(findings, path, fields, "private_key_file", `${method} signs with it`)
  }
  if (method?.startsWith("client_secret") === true && signs) {
    findings.error(
      at(path, "token_endpoint_auth_method"),
      `is ${method}, which sends a secret, and there is a private key: leave one of them out`
    )
  } else if (method?.startsWith("client_secret") === true && has(fields, "client_id") && !hasSecret) {
    missing(findings, path, fields, "client_secret", `${method} needs it`)
  }

  const byHand: EndpointsByHand | undefined =
    client !== undefined && tokenEndpoint !== undefined
      ? {
          _tag: "ByHand",
          ...(authorizationEndpoint === undefined ? {} : { authorizationEndpoint }),
          ...(deviceAuthorizationEndpoint === undefined ? {} : { deviceAuthorizationEndpoint }),
          tokenEndpoint,
          ...(revocationEndpoint === undefined ? {} : { revocationEndpoint }),
          client
        }
      : undefined
  return {
    source: byHand ?? { _tag: "Discovered", client },
    grant,
    dpop,
    scopes,
    redirectUri: redirectUri ?? defaultOAuth.redirectUri,
    usePkce: usePkce ?? defaultOAuth.usePkce,
    assumePkce,
    sendResource,
    providerQuirks: providerQuirks ?? defaultOAuth.providerQuirks,
    issuer,
    clientMetadataUrl,
    allowPrivateAddresses: allowPrivateAddresses ?? defaultOAuth.allowPrivateAddresses,
    extraAuthParams: Object.fromEntries(extraAuthParams),
    tokenEndpointAuthMethod: clientAuthenticationMethods.find((known) => known === method)
  }
})
