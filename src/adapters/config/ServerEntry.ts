import { Effect, Predicate } from "effect"
import { quotedName } from "../../domain/FieldPath.ts"
import { isPrivateHost } from "../../domain/PrivateAddress.ts"
import { isSecureUrl } from "../../domain/SecureUrl.ts"
import { type ConfiguredServer, headerValueProblem } from "../../domain/ConfiguredServer.ts"
import type { ConfiguredValue } from "../../domain/SecretReference.ts"
import { hasOwnAuthorization, type RemoteServer, type StdioServer } from "../../domain/Server.ts"
import { addressProblem, largestAnswerMiB, serverNameProblem } from "../../domain/ServerRules.ts"
import type { ServerSummary } from "../../ports/Configuration.ts"
import { backslashProblem, type Block, type Check, type Field, notEmpty, withoutNul } from "./Cursor.ts"
import { nearName } from "../../domain/NearName.ts"
import { type AddressCheck, oauthFields, readOAuth } from "./OAuthBlock.ts"
import { chatFields, readToolRules } from "./ToolsBlock.ts"

/** The fields of a server over HTTP, and of a program, besides those of both. */
export const httpFields = ["url", "headers", "oauth", "allow_http"]
export const stdioFields = ["command", "args", "env", "cwd"]
/** `url` in other programs: Windsurf, Gemini CLI, Smithery and others. */
const foreignUrls = [
  "serverUrl",
  "httpUrl",
  "link",
  "uri",
  "endpoint",
  "baseUrl",
  "server_url",
  "http_url",
  "sseUrl"
]
/** `mcpServers` in other programs: VS Code, Codex, Zed, opencode. */
export const foreignRoots = ["servers", "mcp_servers", "mcp-servers", "context_servers", "mcp.servers", "mcp"]
/** Other spellings of one type: n8n and Cline, Python, LibreChat. */
const foreignTypes = {
  streamableHttp: "streamable-http",
  streamable_http: "streamable-http",
  "http-stream": "streamable-http"
} as const
const types = ["http", "streamable-http", "sse", "stdio"] as const

// `Headers` and `spawn` refuse the same texts, but their errors quote the value.
export const headerNameProblem: Check = (name) =>
  /^[\w!#$%&'*+.^`|~-]+$/.test(name) ? undefined : "is not the name of an HTTP header"
const variableNameProblem: Check = (name) =>
  name === "" || /[=\0]/.test(name) ? "is not the name of an environment variable" : undefined
const pathProblem: Check = (text) => notEmpty(text) ?? withoutNul(text) ?? backslashProblem(text)
const argumentProblem: Check = (text) => withoutNul(text) ?? backslashProblem(text)

/** The rule for addresses of an entry: https, http on this machine, and with `allow_http` in a private network. */
export const addressRule =
  (allowsHttp: boolean): AddressCheck =>
  (address) => {
    if (isSecureUrl(address) || address.protocol !== "http:") return addressProblem(address)
    const isPrivate = isPrivateHost(address.hostname)
    if (allowsHttp && isPrivate) return addressProblem(address, true)
    const problem = addressProblem(address)
    if (isPrivate) return `${problem}; "allow_http": true in the entry allows http in a private network`
    return allowsHttp ? `${problem}; allow_http is only for addresses in a private network` : problem
  }

const readMaxAnswer = (entry: Block) => {
  const maxAnswerMiB = entry.count("maxAnswerMiB", largestAnswerMiB)
  return maxAnswerMiB === undefined ? {} : { maxAnswerMiB }
}

const readRemote = Effect.fnUntraced(function* (
  entry: Block,
  name: string
): Effect.fn.Return<RemoteServer<ConfiguredValue> | undefined> {
  entry.warnUnknown(
    ["type", "maxAnswerMiB", ...chatFields, ...httpFields],
    { fields: stdioFields, problem: "is ignored: it is for servers with a command" },
    // Codex has some of them there.
    { fields: oauthFields, problem: 'is ignored: it belongs in the "oauth" block of this entry' }
  )
  const type = yield* entry.oneOf("type", types, foreignTypes)
  if (type === "stdio") entry.error("type", "is stdio, which needs a command and no url")
  const check = addressRule(entry.boolean("allow_http") === true)
  const url = yield* entry.url("url", check)
  const headers = yield* entry.configuredEntries("headers", {
    name: headerNameProblem,
    value: headerValueProblem
  })
  const oauth = yield* readOAuth(entry.childOrEmpty("oauth"), check)
  const rules = yield* readToolRules(entry)
  if (url === undefined) return undefined
  const isClear = !isSecureUrl(url)
  if (isClear) {
    entry.warn(
      "allow_http",
      `lets tokens go unencrypted to ${url.host}: others in that network can read and change them`
    )
  }
  const transport = type === "sse" ? "sse" : "auto"
  const maxAnswer = readMaxAnswer(entry)
  const allowHttp = entry.field("allow_http").value === true ? { allowHttp: true as const } : {}
  return {
    _tag: "Http",
    name,
    url,
    headers,
    transport,
    oauth,
    ...maxAnswer,
    ...rules,
    ...allowHttp
  }
})

const readStdio = Effect.fnUntraced(function* (
  entry: Block,
  name: string
): Effect.fn.Return<StdioServer<ConfiguredValue> | undefined> {
  entry.warnUnknown(["type", "maxAnswerMiB", ...chatFields, ...stdioFields], {
    fields: httpFields,
    problem: "is ignored: it is for servers with a url"
  })
  const type = yield* entry.oneOf("type", types, foreignTypes)
  if (type !== undefined && type !== "stdio") {
    entry.error("type", `is ${type}, which needs a url and no command`)
  }
  if (entry.has("oauth")) entry.error("oauth", "is only for servers with a url")
  entry.require("command")
  const command = yield* entry.string("command", pathProblem)
  const args = yield* entry.strings("args", argumentProblem, "argument")
  const env = yield* entry.configuredEntries("env", { name: variableNameProblem, value: withoutNul })
  const cwd = yield* entry.string("cwd", pathProblem)
  const maxAnswer = readMaxAnswer(entry)
  const rules = yield* readToolRules(entry)
  return command === undefined
    ? undefined
    : { _tag: "Stdio", name, command, args, env, cwd, ...maxAnswer, ...rules }
})

/** Reads the entry of a server. Undefined: it has errors, or variables that are not filled in yet. */
export const readServer = Effect.fnUntraced(function* (
  field: Field,
  name: string
): Effect.fn.Return<ConfiguredServer | undefined> {
  const problem = serverNameProblem(name)
  if (problem !== undefined) field.error(problem)
  const entry = field.block()
  if (entry === undefined) return undefined
  if (entry.has("url")) {
    if (entry.has("command")) field.error("has both a url and a command: a server has one or the other")
    return yield* readRemote(entry, name)
  }
  if (stdioFields.some((known) => entry.has(known))) return yield* readStdio(entry, name)
  const nested = entry.names.find((inner) => {
    const { value } = entry.field(inner)
    return (
      Predicate.isReadonlyObject(value) && (Object.hasOwn(value, "url") || Object.hasOwn(value, "command"))
    )
  })
  if (nested !== undefined) {
    return field.error(`has its server in ${quotedName(nested)}: write those fields in the entry itself`)
  }
  const rename = entry.names.flatMap((from) => {
    const to = nearName(from, ["url", "command"]) ?? (foreignUrls.includes(from) ? "url" : undefined)
    return to === undefined ? [] : [{ from, to }]
  })[0]
  return field.error(
    'needs a "url", or a "command" for a server on this machine',
    rename === undefined ? {} : { rename }
  )
})

const textOf = (value: unknown): string => (typeof value === "string" ? value : "")

/** Summarizes the entry of a server as the file contains it. */
export const summarize = (name: string, entry: Block): ServerSummary => {
  const text = (field: string) => textOf(entry.field(field).value)
  if (entry.has("command")) {
    const args = entry.field("args").value
    const target = [text("command"), ...(Array.isArray(args) ? args.map(textOf) : [])].join(" ")
    return { name, transport: "stdio", target, authorization: "none" }
  }
  const sendsAuthorization = hasOwnAuthorization({ headers: entry.childOrEmpty("headers").fields })
  const isByHand = entry.childOrEmpty("oauth").has("token_url")
  return {
    name,
    transport: "http",
    target: text("url"),
    authorization: sendsAuthorization
      ? "header"
      : isByHand
        ? "oauth (endpoints by hand)"
        : "oauth (discovered)"
  }
}
