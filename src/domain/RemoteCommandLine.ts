import { Predicate, Result } from "effect"
import { protocolParameters } from "./AuthorizationRequest.ts"
import { allOf, has, type RemoteNotice, type RemoteWords, valueOf, wordsOf } from "./RemoteWords.ts"
import { canonicalResource, hasUserInformation, isLoopbackHost, isSecureUrl } from "./SecureUrl.ts"

/** What a command line of mcp-remote wants from the proxy itself. Absent fields: the default of the proxy. */
export interface RemoteOptions {
  /** Patterns of tools that are hidden and refused; `*` matches anything, and case does not count. */
  readonly ignoredTools: ReadonlyArray<string>
  /** How long a sign-in waits for the browser. */
  readonly authTimeoutSeconds?: number
  /** The order of the transports of HTTP. Absent: `http-first`. */
  readonly transport?: RemoteTransport
  /** `legacy`: never bridge to a server of a newer era. */
  readonly protocol?: "legacy" | "auto"
  /** Sends a ping this often. */
  readonly pingSeconds?: number
  /** Cookies are neither stored nor sent. */
  readonly withoutCookies?: true
  readonly log?: "silent" | "debug"
}

/** The transports of HTTP that mcp-remote tries, in order. */
const remoteTransports = ["http-first", "sse-first", "http-only", "sse-only"] as const
/** @see remoteTransports */
export type RemoteTransport = (typeof remoteTransports)[number]

/** A command line of mcp-remote in our terms. */
export interface RemoteCommandLine {
  /** The URL of the server, as written. */
  readonly url: string
  /** The server as `mcpServers` of the configuration would write it. `${NAME}` in it is an environment variable. */
  readonly entry: Readonly<Record<string, unknown>>
  readonly options: RemoteOptions
  readonly notices: ReadonlyArray<RemoteNotice>
  /** The text whose MD5 hash names the files of mcp-remote for this line. */
  readonly storeKey: string
  /** The headers in `entry`, by name, that were given as a file. */
  readonly headersOfFiles: ReadonlyArray<string>
}

/** A command line that mcp-remote refuses as well. */
export interface RemoteProblem {
  /** The flag, without dashes. Absent: the URL. */
  readonly flag: string | undefined
  /** A predicate about it. Never a secret. */
  readonly problem: string
}

/** The pause between pings if none is given, in seconds (mcp-remote 0.15.1). */
const defaultPingSeconds = 30
/** mcp-remote's path of the redirect URI. */
const defaultCallbackPath = "/oauth/callback"
/** Where the browser comes back to if the line names no port. */
const defaultCallbackPort = 8080

/** Flags whose effect this program does not need, has always, or does not have. */
const withoutEffect: Readonly<Record<string, string>> = {
  "auth-success-url": "has no effect here: the browser shows a page of this program",
  "body-timeout": "has no effect here: a stream may be idle for any time",
  "connect-timeout": "has no effect here: the system decides how long a connection may take",
  "headers-timeout": "has no effect here: a server may take 10 minutes to begin its answer",
  ipv4: "has no effect here: both kinds of address are tried, and the first that answers is used",
  "use-id-token": "has no effect here: the access token is sent, which this server may refuse"
}

/**
 * The files that a command line names. A relative path is one of the folder that the line is run in.
 *
 * @param line the words after `mcp-remote`
 */
export const filesOfRemoteLine = (line: ReadonlyArray<string>): ReadonlyArray<string> => {
  const words = wordsOf(line)
  const documents = (["static-oauth-client-info", "static-oauth-client-metadata"] as const).flatMap(
    (flag) => {
      const value = valueOf(words, flag)
      return value?.startsWith("@") === true ? [value.slice(1)] : []
    }
  )
  return [...new Set([...allOf(words, "header-file"), ...documents])]
}

/** What reading a line collects. */
interface Reading {
  readonly words: RemoteWords
  /** The port of mcp-remote for this line. Absent: the caller has no MD5. */
  readonly ownPort: number | undefined
  readonly files: ReadonlyMap<string, string>
  readonly notices: Array<RemoteNotice>
}

type Read<A> = Result.Result<A, RemoteProblem>

const refuse = (flag: string | undefined, problem: string) => Result.fail({ flag, problem })

const headerOf = (line: string): readonly [string, string] | undefined => {
  const [, name, value = ""] = /^([\w-]+):\s*(.*)$/s.exec(line) ?? []
  return name === undefined ? undefined : [name, value.trim()]
}

/** The headers in the order of the line: a later one replaces an earlier one of the same name. */
const readHeaders = ({ files, notices, words }: Omit<Reading, "ownPort">) => {
  const headers = new Map<string, string>()
  const ofFiles = new Set<string>()
  for (const { name: flag, value = "" } of words.flags) {
    if (flag === "header") {
      const header = headerOf(value)
      if (header === undefined) notices.push({ flag, text: "is not written as NAME:VALUE, and is ignored" })
      else headers.set(...header)
      if (header !== undefined) ofFiles.delete(header[0])
    }
    if (flag !== "header-file") continue
    const text = files.get(value)
    if (text === undefined) {
      notices.push({ flag, text: "names a file that was not read: its headers are not sent" })
      continue
    }
    for (const [index, line] of text.split(/\r?\n/).entries()) {
      const written = line.trim()
      if (written === "" || written.startsWith("#")) continue
      const header = headerOf(written)
      if (header === undefined) {
        notices.push({
          flag,
          text: `has a line ${index + 1} that is not written as NAME:VALUE, and is ignored`
        })
        continue
      }
      headers.set(...header)
      ofFiles.add(header[0])
    }
  }
  return { headers, ofFiles }
}

/** A JSON object on the line, or in the file that the line names. */
const readObject = (
  { files, notices, words }: Reading,
  flag: "static-oauth-client-info" | "static-oauth-client-metadata"
): Read<Readonly<Record<string, unknown>>> => {
  const value = valueOf(words, flag)
  if (value === undefined) return Result.succeed({})
  const text = value.startsWith("@") ? files.get(value.slice(1)) : value
  if (text === undefined) {
    notices.push({ flag, text: "names a file that was not read" })
    return Result.succeed({})
  }
  const parsed = Result.try((): unknown => JSON.parse(text))
  if (Result.isFailure(parsed) || !Predicate.isReadonlyObject(parsed.success)) {
    return refuse(flag, "must be a JSON object, or @ and the path of a file with one")
  }
  return Result.succeed(parsed.success)
}

const textOf = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined

/** The client that the line names, and what is known of it. */
const readClient = (reading: Reading): Read<Readonly<Record<string, unknown>>> => {
  const { notices, words } = reading
  const info = readObject(reading, "static-oauth-client-info")
  if (Result.isFailure(info)) return refuse(info.failure.flag, info.failure.problem)
  const metadata = readObject(reading, "static-oauth-client-metadata")
  if (Result.isFailure(metadata)) return refuse(metadata.failure.flag, metadata.failure.problem)
  const clientId = textOf(info.success["client_id"])
  if (valueOf(words, "static-oauth-client-info")?.startsWith("{") === true && clientId === undefined) {
    return refuse("static-oauth-client-info", "has no client_id")
  }
  const used = ["scope", "token_endpoint_auth_method"]
  const unused = Object.keys(metadata.success).filter((name) => !used.includes(name))
  if (unused.length > 0) {
    const text = `is used for ${used.join(" and ")} only: ${unused.slice(0, 5).join(", ")} ${unused.length === 1 ? "has" : "have"} no effect here`
    notices.push({ flag: "static-oauth-client-metadata", text })
  }
  const scope = textOf(metadata.success["scope"]) ?? textOf(info.success["scope"])
  const clientSecret = textOf(info.success["client_secret"])
  const method =
    textOf(info.success["token_endpoint_auth_method"]) ??
    textOf(metadata.success["token_endpoint_auth_method"])
  // A client without a secret has nothing to send, whatever the document says.
  const sends = clientId === undefined || clientSecret !== undefined || method === "none"
  return Result.succeed({
    ...(clientId === undefined ? {} : { client_id: clientId }),
    ...(clientSecret === undefined ? {} : { client_secret: clientSecret }),
    ...(scope === undefined ? {} : { scopes: scope.split(/\s+/).filter((word) => word !== "") }),
    ...(method !== undefined && sends ? { token_endpoint_auth_method: method } : {})
  })
}

const largestPort = 65_535

/** The redirect URI. Undefined: the line names no part of it, and no client that is registered with one. */
const readRedirect = ({ notices, ownPort, words }: Reading, isRegistered: boolean): string | undefined => {
  const [, port, ...others] = words.operands
  let chosen: number | undefined
  if (port !== undefined) {
    const number = Number.parseInt(port, 10)
    if (number > 0 && number <= largestPort) chosen = number
    else notices.push({ flag: undefined, text: "after the URL is not a port, and is ignored" })
  }
  if (others.length > 0) {
    const words = others.length === 1 ? "is one word" : `are ${others.length} words`
    notices.push({ flag: undefined, text: `after the port ${words} that mcp-remote ignores, too` })
  }
  const host = valueOf(words, "host")
  const isUsable = host === undefined || isLoopbackHost(host)
  if (!isUsable) notices.push({ flag: "host", text: "is not a name of this machine, and is ignored" })
  const path = valueOf(words, "callback-path")
  const isPath = path === undefined || /^\/[^?#]*$/.test(path)
  if (!isPath) notices.push({ flag: "callback-path", text: "does not begin with /, and is ignored" })
  const names = chosen !== undefined || (host !== undefined && isUsable) || (path !== undefined && isPath)
  if (!names && !isRegistered) return undefined
  if (chosen === undefined && ownPort === undefined) {
    const text = `names no callback port, so that the browser comes back to port ${defaultCallbackPort}: write the registered port after the URL`
    if (isRegistered) notices.push({ flag: undefined, text })
  }
  const shown = host === undefined || !isUsable ? "localhost" : host === "::1" ? "[::1]" : host
  return `http://${shown}:${chosen ?? ownPort ?? defaultCallbackPort}${isPath && path !== undefined ? path : defaultCallbackPath}`
}

const readAuthorizeParams = ({ words }: Reading): Read<Readonly<Record<string, string>>> => {
  const entries: Array<readonly [string, string]> = []
  for (const given of allOf(words, "authorize-param")) {
    const at = given.indexOf("=")
    const name = given.slice(0, Math.max(at, 0)).trim()
    if (name === "") return refuse("authorize-param", "must be written as NAME=VALUE")
    if (name !== "scope" && name !== "resource" && protocolParameters.has(name)) {
      return refuse("authorize-param", `cannot set ${name}, which belongs to the protocol`)
    }
    entries.push([name, given.slice(at + 1)])
  }
  return Result.succeed(Object.fromEntries(entries))
}

/** The `resource` parameter (RFC 8707), and the parameters that are added to the authorization request. */
const readParameters = (reading: Reading, url: string): Read<Readonly<Record<string, unknown>>> => {
  const { notices, words } = reading
  const read = readAuthorizeParams(reading)
  if (Result.isFailure(read)) return refuse(read.failure.flag, read.failure.problem)
  const { resource: parameter, scope, ...others } = read.success
  const resource = (valueOf(words, "resource") ?? parameter)?.trim()
  const isOmitted = has(words, "disable-resource-parameter") || valueOf(words, "resource")?.trim() === ""
  const extra: Record<string, string> = others
  if (resource !== undefined && resource !== "" && !isOmitted) {
    const named = URL.parse(resource)
    if (named === null) return refuse("resource", "must be an absolute URI (RFC 8707)")
    const address = URL.parse(url)
    if (address === null || canonicalResource(named) !== canonicalResource(address)) {
      extra["resource"] = resource
    }
  } else if (isOmitted && resource !== undefined && resource !== "") {
    notices.push({ flag: "resource", text: "is ignored: the line leaves the parameter out" })
  }
  return Result.succeed({
    ...(isOmitted ? { send_resource: false } : {}),
    ...(scope === undefined ? {} : { scopes: scope.split(/\s+/).filter((word) => word !== "") }),
    ...(Object.keys(extra).length === 0 ? {} : { extra_auth_params: extra })
  })
}

const readGrant = ({ words }: Reading): Read<Readonly<Record<string, unknown>>> => {
  const endpoint = valueOf(words, "token-endpoint")?.trim()
  const isMachine = has(words, "client-credentials")
  if (endpoint !== undefined && !isMachine) {
    return refuse("token-endpoint", "is only for --client-credentials")
  }
  if (isMachine) {
    return Result.succeed({
      grant_type: "client_credentials",
      ...(endpoint === undefined ? {} : { token_url: endpoint })
    })
  }
  return Result.succeed(has(words, "device-code") ? { grant_type: "device_code" } : {})
}

/** A number of seconds. A wrong one is ignored, as mcp-remote does. */
const secondsOf = (
  { notices, words }: Reading,
  flag: "auth-timeout" | "ping-interval"
): number | undefined => {
  const value = valueOf(words, flag)
  if (value === undefined) return undefined
  const seconds = flag === "auth-timeout" ? Number.parseInt(value, 10) : Number(value)
  if (Number.isFinite(seconds) && seconds > 0) return seconds
  notices.push({ flag, text: "is not a positive number of seconds, and is ignored" })
  return undefined
}

/** One of a few words. A wrong one is ignored, as mcp-remote does. */
const choiceOf = <const T extends string>(
  { notices, words }: Reading,
  flag: "transport" | "protocol",
  choices: ReadonlyArray<T>
): T | undefined => {
  const value = valueOf(words, flag)
  const chosen = choices.find((choice) => choice === value)
  if (value !== undefined && chosen === undefined) {
    notices.push({ flag, text: `is not one of ${choices.join(", ")}, and is ignored` })
  }
  return chosen
}

const readOptions = (reading: Reading): RemoteOptions => {
  const { words } = reading
  const authTimeoutSeconds = secondsOf(reading, "auth-timeout")
  const interval = secondsOf(reading, "ping-interval")
  const pingSeconds = interval ?? (has(words, "keep-alive") ? defaultPingSeconds : undefined)
  const transport = choiceOf(reading, "transport", remoteTransports)
  const protocol = choiceOf(reading, "protocol", ["legacy", "auto"])
  const log = has(words, "debug") ? "debug" : has(words, "silent") ? "silent" : undefined
  return {
    ignoredTools: allOf(words, "ignore-tool"),
    ...(authTimeoutSeconds === undefined ? {} : { authTimeoutSeconds }),
    ...(pingSeconds === undefined ? {} : { pingSeconds }),
    ...(transport === undefined ? {} : { transport }),
    ...(protocol === undefined ? {} : { protocol }),
    ...(has(words, "disable-cookies") ? { withoutCookies: true } : {}),
    ...(log === undefined ? {} : { log })
  }
}

const readOAuth = (reading: Reading, url: string): Read<Readonly<Record<string, unknown>>> => {
  const { notices, words } = reading
  const metadataUrl = valueOf(words, "client-metadata-url")?.trim()
  const isDocument = /^https:\/\/[^/]+\/./.test(metadataUrl ?? "")
  if (metadataUrl !== undefined && !isDocument) {
    notices.push({ flag: "client-metadata-url", text: "is not an https URL with a path, and is ignored" })
  }
  const parts = [readClient(reading), readGrant(reading), readParameters(reading, url)]
  const failed = parts.find(Result.isFailure)
  if (failed !== undefined) return failed
  const oauth: Readonly<Record<string, unknown>> = Object.assign(
    {},
    ...parts.toReversed().map((part) => (Result.isSuccess(part) ? part.success : {}))
  )
  const isMachine = oauth["grant_type"] !== undefined
  const redirect = readRedirect(reading, !isMachine && (oauth["client_id"] !== undefined || isDocument))
  return Result.succeed({
    ...oauth,
    ...(isDocument ? { client_metadata_url: metadataUrl } : {}),
    ...(redirect === undefined || isMachine ? {} : { redirect_uri: redirect })
  })
}

/** JSON with its fields in order, as mcp-remote writes it. */
const sortedJson = (fields: Readonly<Record<string, string>>): string =>
  JSON.stringify(fields, Object.keys(fields).toSorted())

/** The port that mcp-remote 0.15.1 listens at by default (`calculateDefaultPort`). */
const portOf = (hash: string): number => 3335 + (Number.parseInt(hash.slice(0, 4), 16) % 45_816)

/** @see RemoteCommandLine.storeKey */
const storeKeyOf = (words: RemoteWords, url: string, headers: ReadonlyMap<string, string>): string => {
  const resource = valueOf(words, "resource")?.trim() ?? ""
  const params = Object.fromEntries(
    allOf(words, "authorize-param").map((given) => {
      const at = given.indexOf("=")
      return [given.slice(0, at).trim(), given.slice(at + 1)]
    })
  )
  const metadataUrl = valueOf(words, "client-metadata-url")?.trim() ?? ""
  const endpoint = URL.parse(valueOf(words, "token-endpoint")?.trim() ?? "")
  return [
    url,
    ...(resource === "" || has(words, "disable-resource-parameter") ? [] : [resource]),
    ...(Object.keys(params).length === 0 ? [] : [sortedJson(params)]),
    ...(headers.size === 0 ? [] : [sortedJson(Object.fromEntries(headers))]),
    ...(metadataUrl === "" ? [] : [metadataUrl]),
    ...(endpoint === null ? [] : [endpoint.href])
  ].join("|")
}

/**
 * Reads a command line of mcp-remote 0.15.1.
 *
 * **Details**
 *
 * The URL is the first word that is no flag, and the callback port the second. What mcp-remote ignores with a warning is a
 * notice here, and so is what has no effect in this program. Fails for what mcp-remote refuses.
 *
 * @param line the words after `mcp-remote`
 * @param files the content of the files that the line names (`filesOfRemoteLine`), by their paths as written. A file that is
 *   absent is a notice.
 * @param md5 the hash of a text in hex, by which mcp-remote chooses a port: a client may be registered with that one
 */
export const readRemoteLine = (
  line: ReadonlyArray<string>,
  files: ReadonlyMap<string, string> = new Map(),
  md5?: (text: string) => string
): Result.Result<RemoteCommandLine, RemoteProblem> => {
  const words = wordsOf(line)
  const [url] = words.operands
  if (url === undefined) return refuse(undefined, "is missing")
  const address = URL.parse(url)
  const isTemplate = url.includes("${")
  if (!isTemplate && (address === null || !/^https?:$/.test(address.protocol))) {
    return refuse(undefined, "is not the http or https URL of a server")
  }
  if (address !== null && hasUserInformation(address)) {
    return refuse(undefined, "has a user name or a password in it. Leave them out, and send a header instead")
  }
  const notices = [...words.notices]
  const { headers, ofFiles } = readHeaders({ files, notices, words })
  const storeKey = storeKeyOf(words, url, headers)
  const ownPort = md5 === undefined ? undefined : portOf(md5(storeKey))
  const reading: Reading = { words, files, notices, ownPort }
  const oauth = readOAuth(reading, url)
  if (Result.isFailure(oauth)) return refuse(oauth.failure.flag, oauth.failure.problem)
  const options = readOptions(reading)
  for (const { name } of words.flags) {
    const text = withoutEffect[name]
    if (text !== undefined) reading.notices.push({ flag: name, text })
  }
  const isClear = address !== null && !isSecureUrl(address)
  return Result.succeed({
    url,
    entry: {
      url,
      ...(options.transport === "sse-only" ? { type: "sse" } : {}),
      ...(headers.size === 0 ? {} : { headers: Object.fromEntries(headers) }),
      ...(isClear && has(words, "allow-http") ? { allow_http: true } : {}),
      ...(Object.keys(oauth.success).length === 0 ? {} : { oauth: oauth.success })
    },
    options,
    notices: reading.notices,
    storeKey,
    headersOfFiles: [...ofFiles]
  })
}
