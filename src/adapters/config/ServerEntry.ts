import { Effect, Redacted } from "effect"
import { protocolParameters } from "../../domain/AuthorizationRequest.ts"
import { CredentialKey } from "../../domain/CredentialKey.ts"
import { isLoopbackHost, isSecureUrl } from "../../domain/SecureUrl.ts"
import {
  clientAuthenticationMethods,
  defaultOAuth,
  type HttpServer,
  type OAuthSettings,
  type Server,
  type StdioServer
} from "../../domain/Server.ts"
import type { ServerSummary } from "../../ports/Configuration.ts"
import {
  at,
  boolean,
  fieldsOf,
  type Findings,
  type JsonObject,
  notEmpty,
  record,
  secret,
  string,
  strings,
  url,
  warnUnknown
} from "./Fields.ts"

const httpFields = ["url", "type", "headers", "oauth"]
const stdioFields = ["command", "args", "env", "cwd", "type"]
const oauthFields = [
  "authorization_url",
  "token_url",
  "client_id",
  "client_secret",
  "scopes",
  "redirect_uri",
  "use_pkce",
  "extra_auth_params",
  "token_endpoint_auth_method"
]
const types = ["http", "streamable-http", "sse", "stdio"]

/** The longest name of a server, as it is stored: file systems take 255 bytes for all of it. */
const longestName = 180

const has = (fields: JsonObject, name: string): boolean => Object.hasOwn(fields, name)

const secure = (address: URL): string | undefined =>
  isSecureUrl(address) ? undefined : "must be https (http is for this machine only)"

const serverUrl = (address: URL): string | undefined => {
  if (address.username !== "" || address.password !== "") return "must hold no user name or password"
  return address.hash === "" ? secure(address) : "must hold no fragment"
}

const redirect = (address: URL): string | undefined => {
  if (address.protocol !== "http:" || !isLoopbackHost(address.hostname)) {
    return "must be an http address of this machine, such as http://localhost:8080/callback"
  }
  return address.hash === "" && address.search === "" && address.username === ""
    ? undefined
    : "must hold no query, fragment or user name"
}

const scope = (text: string): string | undefined =>
  /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(text) ? undefined : "must be one scope, without spaces"

/** The `oauth` block. What is filled in later is taken to be good until then. */
const readOAuth = Effect.fnUntraced(function* (findings: Findings, path: string, block: JsonObject) {
  warnUnknown(findings, path, block, oauthFields)
  const authorizationEndpoint = yield* url(findings, path, block, "authorization_url", secure)
  const tokenEndpoint = yield* url(findings, path, block, "token_url", secure)
  const clientId = yield* string(findings, path, block, "client_id", notEmpty)
  const clientSecret = yield* secret(findings, path, block, "client_secret")
  const scopes = yield* strings(findings, path, block, "scopes", scope)
  const redirectUri = yield* url(findings, path, block, "redirect_uri", redirect)
  const usePkce = boolean(findings, path, block, "use_pkce")
  const isByHand = has(block, "authorization_url") || has(block, "token_url")
  const extraAuthParams = yield* record(findings, path, block, "extra_auth_params", (name) =>
    protocolParameters.has(name) && !(name === "resource" && isByHand)
      ? "is a parameter of the protocol and cannot be replaced"
      : undefined
  )
  const method = yield* string(findings, path, block, "token_endpoint_auth_method", (text) =>
    clientAuthenticationMethods.some((known) => known === text)
      ? undefined
      : `must be one of ${clientAuthenticationMethods.join(", ")}`
  )

  if (isByHand) {
    for (const [name, other] of [
      ["authorization_url", "token_url"],
      ["token_url", "authorization_url"]
    ] as const) {
      if (!has(block, name)) findings.error(at(path, name), `is missing: ${other} needs it`)
    }
    if (!has(block, "client_id")) {
      findings.error(at(path, "client_id"), "is missing: endpoints by hand need a registered client")
    }
  }
  if (has(block, "client_secret") && !has(block, "client_id") && !isByHand) {
    findings.error(at(path, "client_id"), "is missing: client_secret needs it")
  }
  if (method === "none" && has(block, "client_secret")) {
    findings.error(at(path, "token_endpoint_auth_method"), "is none, but there is a client_secret")
  }
  if (method !== undefined && method !== "none" && !has(block, "client_secret")) {
    findings.error(at(path, "client_secret"), `is missing: ${method} needs it`)
  }

  const client = clientId === undefined ? undefined : { clientId, clientSecret }
  const settings: OAuthSettings = {
    source:
      client !== undefined && authorizationEndpoint !== undefined && tokenEndpoint !== undefined
        ? { _tag: "ByHand", authorizationEndpoint, tokenEndpoint, client }
        : { _tag: "Discovered", client },
    scopes,
    redirectUri: redirectUri ?? defaultOAuth.redirectUri,
    usePkce: usePkce ?? defaultOAuth.usePkce,
    extraAuthParams: Object.fromEntries(extraAuthParams),
    tokenEndpointAuthMethod: clientAuthenticationMethods.find((known) => known === method)
  }
  return settings
})

const readHttp = Effect.fnUntraced(function* (
  findings: Findings,
  path: string,
  name: string,
  entry: JsonObject
) {
  warnUnknown(findings, path, entry, httpFields)
  const address = yield* url(findings, path, entry, "url", serverUrl)
  const headers = yield* record(findings, path, entry, "headers")
  const block = has(entry, "oauth") ? fieldsOf(findings, at(path, "oauth"), entry["oauth"]) : {}
  const oauth = yield* readOAuth(findings, at(path, "oauth"), block ?? {})
  if (address === undefined) return undefined
  return {
    _tag: "Http",
    name,
    url: address,
    headers: Object.fromEntries(headers.map(([header, value]) => [header, Redacted.make(value)])),
    transport: entry["type"] === "sse" ? "sse" : "auto",
    oauth
  } satisfies HttpServer
})

const readStdio = Effect.fnUntraced(function* (
  findings: Findings,
  path: string,
  name: string,
  entry: JsonObject
) {
  warnUnknown(findings, path, entry, stdioFields)
  const command = yield* string(findings, path, entry, "command", notEmpty)
  const args = yield* strings(findings, path, entry, "args")
  const env = yield* record(findings, path, entry, "env")
  const cwd = yield* string(findings, path, entry, "cwd", notEmpty)
  if (command === undefined) return undefined
  return {
    _tag: "Stdio",
    name,
    command,
    args,
    env: Object.fromEntries(env.map(([variable, value]) => [variable, Redacted.make(value)])),
    cwd
  } satisfies StdioServer
})

/** Reads one server of the file; undefined where it has errors, or is not filled in. */
export const readServer = Effect.fnUntraced(function* (
  findings: Findings,
  path: string,
  name: string,
  value: unknown
): Effect.fn.Return<Server | undefined> {
  if (name === "") return findings.error(path, "the name of a server must not be empty")
  if (CredentialKey.of(name).storageName.length > longestName) {
    return findings.error(path, "the name of this server is too long")
  }
  const entry = fieldsOf(findings, path, value)
  if (entry === undefined) return undefined
  if (has(entry, "type") && !types.some((type) => type === entry["type"])) {
    findings.error(at(path, "type"), `must be one of ${types.join(", ")}`)
  }
  if (has(entry, "command") && has(entry, "url")) {
    return findings.error(path, "has both a url and a command: it is one or the other")
  }
  if (has(entry, "command")) {
    if (has(entry, "oauth")) findings.error(at(path, "oauth"), "is for servers with a url")
    return yield* readStdio(findings, path, name, entry)
  }
  if (has(entry, "url")) return yield* readHttp(findings, path, name, entry)
  return findings.error(path, 'needs a "url", or a "command" for a server on this machine')
})

const textOf = (value: unknown): string => (typeof value === "string" ? value : "")

/** What a server is, as the file writes it. */
export const summarize = (name: string, entry: JsonObject): ServerSummary => {
  if (has(entry, "command")) {
    const args = Array.isArray(entry["args"]) ? entry["args"].map(textOf) : []
    return {
      name,
      transport: "stdio",
      target: [textOf(entry["command"]), ...args].join(" "),
      authorization: "none"
    }
  }
  const block = entry["oauth"]
  const isByHand = typeof block === "object" && block !== null && "token_url" in block
  const headers = entry["headers"]
  const ownHeader =
    typeof headers === "object" &&
    headers !== null &&
    Object.keys(headers).some((header) => header.toLowerCase() === "authorization")
  return {
    name,
    transport: "http",
    target: textOf(entry["url"]),
    authorization: ownHeader ? "header" : isByHand ? "oauth (endpoints by hand)" : "oauth (discovered)"
  }
}
