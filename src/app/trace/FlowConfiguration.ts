import { Redacted } from "effect"
import { oauthEndpoints, optionalEndpoints } from "../../domain/OAuthEndpoints.ts"
import { secretsInHeader } from "../../domain/Redaction.ts"
import type { ConfiguredValue, SecretReference } from "../../domain/SecretReference.ts"
import type { Grant, RemoteServer, SecretSource } from "../../domain/Server.ts"
import type { MessageKind } from "../../domain/TraceEvent.ts"
import { publicInRequest } from "./PublicNames.ts"

/** What the configuration says of a flow before it starts. */
export interface FlowConfiguration {
  /** The MCP server. */
  readonly server: URL
  /** The server's URL with its `${VAR}` unexpanded: the values of variables are struck out. */
  readonly serverAsWritten: string
  /** Endpoints that the configuration names. */
  readonly endpoints: ReadonlyArray<readonly [MessageKind, URL]>
  /** Names of headers whose values are never shown. */
  readonly configuredHeaders: ReadonlyArray<string>
  /** Secret values of the configuration. */
  readonly secrets: ReadonlyArray<string>
  /** Parts of the paths of other servers that variables stand for. */
  readonly otherVariables?: ReadonlyArray<string>
}

const textOf = (secret: SecretSource | SecretReference | undefined): ReadonlyArray<string> =>
  Redacted.isRedacted(secret) ? [Redacted.value(secret)] : []

const secretsOfGrant = (grant: Grant | undefined): ReadonlyArray<string> => {
  switch (grant?._tag) {
    case undefined:
    case "AuthorizationCode":
    case "DeviceCode":
    case "ClientCredentials":
      return []
    case "JwtBearer":
      return textOf(grant.assertion)
    case "EnterpriseManaged":
      return [
        ...textOf(grant.identityProvider.client.clientSecret),
        ...textOf(grant.identityProvider.subjectToken)
      ]
  }
}

const secretsOf = ({
  headers,
  oauth,
  storedSecrets = [],
  url
}: RemoteServer<ConfiguredValue>): ReadonlyArray<string> => [
  url.username,
  url.password,
  ...storedSecrets.map((secret) => Redacted.value(secret)),
  ...Object.values(headers).flatMap((value) => textOf(value).flatMap(secretsInHeader)),
  ...textOf(oauth.source.client?.clientSecret),
  ...secretsOfGrant(oauth.grant),
  ...Object.entries(oauth.extraAuthParams)
    .filter(([name]) => !Object.hasOwn(publicInRequest["authorization request"], name))
    .map(([, value]) => value)
]

const endpointsOf = ({ oauth: { source } }: RemoteServer<unknown>): FlowConfiguration["endpoints"] => {
  if (source._tag !== "ByHand") return []
  const all: ReadonlyArray<readonly [MessageKind, URL | undefined]> = [
    ["authorization request", source.authorizationEndpoint],
    ["token request", source.tokenEndpoint],
    ["client registration", source.registrationEndpoint],
    ...optionalEndpoints.map((name) => [oauthEndpoints[name].trace, source.endpoints?.[name]] as const)
  ]
  return all.flatMap(([kind, url]) => (url === undefined ? [] : [[kind, url] as const]))
}

/**
 * What a server's configuration says of a flow with it.
 *
 * @param urlAsWritten the server's URL with its `${VAR}` unexpanded
 */
export const flowConfiguration = (
  server: RemoteServer<ConfiguredValue>,
  urlAsWritten: string
): FlowConfiguration => ({
  server: server.url,
  serverAsWritten: urlAsWritten,
  endpoints: endpointsOf(server),
  configuredHeaders: Object.keys(server.headers),
  secrets: secretsOf(server)
})

/** The parts of the paths of the servers that variables of the configuration stand for. */
export const variablePathParts = (configuration: FlowConfiguration): ReadonlySet<string> => {
  const { otherVariables = [], server, serverAsWritten } = configuration
  const written = new Set(
    serverAsWritten.split(/[/?#]/).map((part) => URL.parse(`http://x/${part}`)?.pathname.slice(1))
  )
  return new Set([
    ...server.pathname.split("/").filter((part) => part !== "" && !written.has(part)),
    ...otherVariables
  ])
}

/** What the configurations of several servers say together: a secret of one is a secret in the requests to all. */
export const combined = (
  first: FlowConfiguration,
  others: ReadonlyArray<FlowConfiguration>
): FlowConfiguration => ({
  ...first,
  endpoints: [
    ...first.endpoints,
    ...others.flatMap(({ endpoints, server }) => [["MCP request", server] as const, ...endpoints])
  ],
  configuredHeaders: [first, ...others].flatMap(({ configuredHeaders }) => configuredHeaders),
  secrets: [
    ...[first, ...others].flatMap(({ secrets }) => secrets),
    ...others.flatMap(({ server }) => [...server.searchParams.values()])
  ],
  otherVariables: others.flatMap((other) => [...variablePathParts(other)])
})
