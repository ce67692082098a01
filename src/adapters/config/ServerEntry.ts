import { Effect, Redacted } from "effect"
import { CredentialKey } from "../../domain/CredentialKey.ts"
import { hasOwnAuthorization, type RemoteServer, type Server, type StdioServer } from "../../domain/Server.ts"
import type { ServerSummary } from "../../ports/Configuration.ts"
import {
  at,
  block,
  type Check,
  fieldsOf,
  Findings,
  has,
  type JsonObject,
  missing,
  notEmpty,
  oneOf,
  quoted,
  record,
  string,
  strings,
  url,
  warnUnknown
} from "./Fields.ts"
import { nearName } from "./NearName.ts"
import { addressProblem } from "./AddressRule.ts"
import { readOAuth } from "./OAuthBlock.ts"

const httpOnly = ["url", "headers", "oauth"]
const stdioOnly = ["command", "args", "env", "cwd"]
const httpTypes = ["http", "streamable-http", "sse"]

/** Characters of the longest name of a server. */
const maxName = 100
/** Characters of the longest name as it is stored: file systems take 255 bytes, endings and temporary names included. */
const maxStoredName = 180

const nameProblem: Check = (name) => {
  if (name === "") return "the name of a server must not be empty"
  if (name.length > maxName) return `the name of a server has at most ${maxName} characters`
  return CredentialKey.of(name).storageName.length > maxStoredName
    ? "the name of this server is too long to name a file by: use fewer characters other than a-z, 0-9, _, . and -"
    : undefined
}

// What `Headers` and `spawn` refuse is refused here: their own errors quote the value.
const headerNameProblem: Check = (name) =>
  /^[\w!#$%&'*+.^`|~-]+$/.test(name) ? undefined : "is not the name of an HTTP header"
const headerValueProblem: Check = (text) =>
  /^[\t\x20-\x7e\x80-\xff]*$/.test(text) ? undefined : "must be one line of characters that a header can hold"
const processTextProblem: Check = (text) =>
  text.includes("\0") ? "must not have a NUL character in it" : undefined
const variableProblem: Check = (name) =>
  name === "" || /[=\0]/.test(name) ? "is not the name of an environment variable" : undefined

const redacted = (entries: ReadonlyArray<readonly [string, string]>) =>
  Object.fromEntries(entries.map(([name, value]) => [name, Redacted.make(value)]))

const readHttp = Effect.fnUntraced(function* (
  findings: Findings,
  path: string,
  name: string,
  entry: JsonObject
): Effect.fn.Return<RemoteServer | undefined> {
  warnUnknown(findings, path, entry, ["type", ...httpOnly], {
    fields: stdioOnly,
    problem: "is ignored: it is for servers with a command"
  })
  const type = yield* string(findings, path, entry, "type", (text) =>
    text === "stdio" ? "is stdio, which needs a command and no url" : oneOf([...httpTypes, "stdio"])(text)
  )
  const address = yield* url(findings, path, entry, "url", addressProblem)
  const headers = yield* record(findings, path, entry, "headers", {
    name: headerNameProblem,
    value: headerValueProblem
  })
  const oauth = yield* readOAuth(findings, at(path, "oauth"), block(findings, path, entry, "oauth"))
  if (address === undefined) return undefined
  return {
    _tag: "Http",
    name,
    url: address,
    headers: redacted(headers),
    transport: type === "sse" ? "sse" : "auto",
    oauth
  }
})

const readStdio = Effect.fnUntraced(function* (
  findings: Findings,
  path: string,
  name: string,
  entry: JsonObject
): Effect.fn.Return<StdioServer | undefined> {
  warnUnknown(findings, path, entry, ["type", ...stdioOnly], {
    fields: httpOnly,
    problem: "is ignored: it is for servers with a url"
  })
  yield* string(findings, path, entry, "type", (text) =>
    httpTypes.includes(text)
      ? `is ${text}, which needs a url and no command`
      : oneOf([...httpTypes, "stdio"])(text)
  )
  if (has(entry, "oauth")) findings.error(at(path, "oauth"), "is only for servers with a url")
  if (!has(entry, "command")) missing(findings, path, entry, "command")
  const command = yield* string(
    findings,
    path,
    entry,
    "command",
    (text) => notEmpty(text) ?? processTextProblem(text)
  )
  const args = yield* strings(findings, path, entry, "args", processTextProblem)
  const env = yield* record(findings, path, entry, "env", {
    name: variableProblem,
    value: processTextProblem
  })
  const cwd = yield* string(
    findings,
    path,
    entry,
    "cwd",
    (text) => notEmpty(text) ?? processTextProblem(text)
  )
  return command === undefined ? undefined : { _tag: "Stdio", name, command, args, env: redacted(env), cwd }
})

/** Reads one server of the file; undefined where it has errors, or is not filled in. */
export const readServer = Effect.fnUntraced(function* (
  findings: Findings,
  path: string,
  name: string,
  value: unknown
): Effect.fn.Return<Server | undefined> {
  const problem = nameProblem(name)
  if (problem !== undefined) findings.error(path, problem)
  const entry = fieldsOf(findings, path, value)
  if (entry === undefined) return undefined
  if (!has(entry, "url")) {
    if (stdioOnly.some((field) => has(entry, field))) return yield* readStdio(findings, path, name, entry)
    const meant = Object.keys(entry).find((field) => nearName(field, ["url", "command"]) !== undefined)
    return findings.error(
      path,
      `needs a "url", or a "command" for a server on this machine${meant === undefined ? "" : ` (is ${quoted(meant)} meant to be it?)`}`
    )
  }
  if (has(entry, "command")) {
    findings.error(path, "has both a url and a command: a server has one or the other")
  }
  return yield* readHttp(findings, path, name, entry)
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
  const quiet = new Findings(undefined)
  const sendsAuthorization = hasOwnAuthorization({ headers: block(quiet, "", entry, "headers") })
  const isByHand = has(block(quiet, "", entry, "oauth"), "token_url")
  return {
    name,
    transport: "http",
    target: textOf(entry["url"]),
    authorization: sendsAuthorization
      ? "header"
      : isByHand
        ? "oauth (endpoints by hand)"
        : "oauth (discovered)"
  }
}
