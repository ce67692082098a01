import type { Redacted } from "effect"
import { type ConfiguredValue, SecretReference } from "./SecretReference.ts"
import { optionalEndpoints } from "./OAuthEndpoints.ts"
import type { RemoteServer, SecretFile, Server } from "./Server.ts"

/** A server as the configuration has it: what it refers to in the token storage is not read. */
export type ConfiguredServer = Server<ConfiguredValue>

/** A use of a secret in the entry of a server. */
export interface SecretUse {
  readonly name: string
  /** Where the value goes: the origins of addresses, or a command line. */
  readonly destination: string
}

/** Where values of `headers` and `env` go: the origin of the server, or the program that is started. */
const destinationOf = (server: ConfiguredServer): string =>
  server._tag === "Http"
    ? server.url.origin
    : JSON.stringify([[server.command, ...server.args], server.cwd ?? null])

/**
 * Where a client's secret goes: every configured endpoint at which the client authenticates, or the issuer. Without them, the
 * server names its authorization server. The server is one of these places, because it gets the tokens of the client.
 */
const clientDestinationOf = ({ oauth: { issuer, source }, url }: RemoteServer<ConfiguredValue>): string => {
  const discovered = issuer === undefined ? [] : [new URL(issuer)]
  const receivers =
    source._tag === "ByHand"
      ? [source.tokenEndpoint, ...optionalEndpoints.flatMap((name) => source.endpoints?.[name] ?? [])]
      : discovered
  return [...new Set([...receivers, url].map(({ origin }) => origin))].join(" and ")
}

/** A destination for users. A command line is not shown, because it may have a secret in it. */
export const destinationText = (destination: string): string =>
  destination.startsWith("[") ? "a command line" : destination

/** Every use of a secret in the entry of a server. */
export const secretUsesOf = (server: ConfiguredServer): ReadonlyArray<SecretUse> => {
  const usesIn = (value: ConfiguredValue | SecretFile | undefined, destination: string) =>
    value instanceof SecretReference ? value.names.map((name) => ({ name, destination })) : []
  const values = Object.values(server._tag === "Http" ? server.headers : server.env)
  return [
    ...values.flatMap((value) => usesIn(value, destinationOf(server))),
    ...(server._tag === "Http"
      ? usesIn(server.oauth.source.client?.clientSecret, clientDestinationOf(server))
      : [])
  ]
}

/** The places that a secret of this name may go to. A secret that the entry does not use yet is for `headers` or `env`. */
export const destinationsOf = (server: ConfiguredServer, name: string): ReadonlyArray<string> => {
  const uses = secretUsesOf(server).filter((use) => use.name === name)
  return uses.length === 0
    ? [destinationOf(server)]
    : [...new Set(uses.map(({ destination }) => destination))]
}

/** True if the entry of a server refers to no secret, so that it can be used as it is. */
export const isReady = (server: ConfiguredServer): server is Server => secretUsesOf(server).length === 0

/** The server with its secrets in place of their names. */
export const withSecrets = (
  server: ConfiguredServer,
  secretOf: (name: string) => Redacted.Redacted
): Server => {
  const filledIn = <A>(value: A | SecretReference) =>
    value instanceof SecretReference ? value.filledIn(secretOf) : value
  const allFilledIn = (values: Readonly<Record<string, ConfiguredValue>>) =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, filledIn(value)]))
  const names = new Set(secretUsesOf(server).map(({ name }) => name))
  const storedSecrets = [...names].map(secretOf)
  if (server._tag === "Stdio") return { ...server, env: allFilledIn(server.env), storedSecrets }
  const { source } = server.oauth
  const { client } = source
  const filled = client && {
    ...client,
    clientSecret: filledIn(client.clientSecret)
  }
  return {
    ...server,
    headers: allFilledIn(server.headers),
    storedSecrets,
    oauth: { ...server.oauth, source: { ...source, client: filled } }
  }
}

/** Characters of the longest secret. */
const maxSecretLength = 16_384

/** What is wrong with a text as a secret of this server. Undefined: nothing. It never repeats the text. */
export const secretValueProblem = (server: ConfiguredServer, text: string): string | undefined => {
  if (text === "") return "is empty"
  if (text.length > maxSecretLength) return `has more than ${maxSecretLength} characters`
  if (text.includes("\0")) return "has a NUL character in it"
  return server._tag === "Stdio" || headerValueProblem(text) === undefined
    ? undefined
    : "is not one line of characters that a header can hold"
}

/** What is wrong with the value of a header. Undefined: nothing. `Headers` refuses the same, but its error quotes the value. */
export const headerValueProblem = (text: string): string | undefined =>
  /^[\t\x20-\x7e\x80-\xff]*$/.test(text) ? undefined : "must be one line of characters that a header can hold"
