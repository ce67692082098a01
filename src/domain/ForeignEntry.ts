import { Predicate, Redacted, Result } from "effect"
import { quotedName } from "./FieldPath.ts"
import { readRemoteLine } from "./RemoteCommandLine.ts"
import type { RemoteNotice } from "./RemoteWords.ts"
import { remoteWordsOf } from "./RemoteLauncher.ts"
import { hasSecretShape, isSecretName, secretParameter } from "./SecretShape.ts"
import { secretNameFor } from "./SecretReference.ts"
import { variableName } from "./VariableName.ts"

type Fields = Readonly<Record<string, unknown>>

/** What an entry in the file of an MCP client becomes here. */
export type ForeignResult =
  | {
      readonly _tag: "Taken"
      /** The entry as `mcpServers` of the configuration would write it. It has no secret in plain text. */
      readonly entry: Fields
      /** What the user should know: sentences that name fields, and never a secret. */
      readonly notes: ReadonlyArray<string>
      /** The variables that `entry` needs, and that the client's file has a value for. */
      readonly variables: ReadonlyArray<string>
      /** The secrets that `entry` refers to, by name. Empty unless they are to be stored. */
      readonly secrets: ReadonlyMap<string, Redacted.Redacted>
    }
  | {
      readonly _tag: "Skipped"
      /** Completes "it ...": `is disabled there`. */
      readonly reason: string
    }

const skipped = (reason: string): ForeignResult => ({ _tag: "Skipped", reason })

/** `url` in the clients. */
const urlNames = ["url", "serverUrl", "uri", "httpUrl", "sseUrl", "endpoint", "baseUrl"]
const headerNames = ["headers", "http_headers", "httpHeaders"]
const envNames = ["env", "envs", "environment"]

const textOf = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined

const blockOf = (value: unknown): Fields => (Predicate.isReadonlyObject(value) ? value : {})

const textsOf = (value: unknown): ReadonlyArray<string> =>
  Array.isArray(value) ? value.filter((item) => typeof item === "string") : []

const firstText = (fields: Fields, names: ReadonlyArray<string>): string | undefined =>
  names.map((name) => textOf(fields[name])).find((text) => text !== undefined)

/** The texts of the first of some objects, by name. */
const firstTexts = (
  fields: Fields,
  names: ReadonlyArray<string>
): ReadonlyArray<readonly [string, string]> => {
  const found = names.map((name) => fields[name]).find(Predicate.isReadonlyObject) ?? {}
  return Object.entries(found).flatMap(([name, value]) =>
    typeof value === "string" || typeof value === "number" || typeof value === "boolean"
      ? [[name, String(value)] as const]
      : []
  )
}

/** A text in our notation, or why it has none. */
type Translated = { readonly text: string } | { readonly unknown: string }

const known =
  /\$\{\{\s*(?:secrets|env|inputs)\.([A-Za-z_]\w*)\s*\}\}|\$\{(?:env:)?([A-Za-z_]\w*)(?::-([^}]*))?\}|\{env:([A-Za-z_]\w*)\}|(\$\$\{)|\$\{([^}]*)\}?|\$([A-Za-z_]\w*)/g

/** Names that look like variables of the environment, and that only an editor fills in. */
const editorNames = /^(workspaceFolder(Basename)?|userHome|pathSeparator|CLAUDE_PLUGIN_ROOT)$/

/**
 * Translates the variables of a client: `${NAME}`, `${env:NAME}` of VS Code and Cursor, `{env:NAME}` of opencode,
 * `${{ secrets.NAME }}` of Continue and, where the client has it, `$NAME` of Gemini CLI. What only the client can fill in, such as
 * `${input:key}`, is unknown.
 */
export const translated = (source: string, hasBareVariables = false): Translated => {
  let unknown: string | undefined
  const text = source.replace(
    known,
    (
      whole: string,
      secret: string | undefined,
      own: string | undefined,
      fallback: string | undefined,
      foreign: string | undefined,
      literal: string | undefined,
      other: string | undefined,
      bare: string | undefined
    ) => {
      if (literal !== undefined) return whole
      if (other !== undefined) {
        unknown ??= /^[\w:.-]{1,60}$/.test(other) ? `\${${other}}` : "${...}"
        return whole
      }
      if (bare !== undefined) return hasBareVariables ? `\${${bare}}` : whole
      const name = secret ?? own ?? foreign ?? ""
      if (editorNames.test(name)) unknown ??= whole
      return fallback === undefined ? `\${${name}}` : `\${${name}:-${fallback}}`
    }
  )
  return unknown === undefined ? { text } : { unknown }
}

const hasVariable = (text: string): boolean => /(?<!\$)\$\{/.test(text)

/** True if a text is a secret that is written out. */
const isLiteralSecret = (name: string, text: string): boolean =>
  hasSecretShape(text) ||
  (isSecretName(name) && text !== "" && !hasVariable(text)) ||
  /^(bearer|basic|token)\s+[^\s$]/i.test(text)

/** What reading an entry collects. */
interface Reading {
  readonly name: string
  readonly fields: Fields
  readonly hasBareVariables: boolean
  readonly notes: Array<string>
  readonly variables: Set<string>
  /** Secrets that are written out, by name. Absent: they are left where they are. */
  readonly secrets: Map<string, Redacted.Redacted> | undefined
}

const why = (unknown: string): string =>
  unknown.startsWith("${input:")
    ? `${unknown}, which only that program can ask for`
    : `${unknown}, which only that program knows`

/** The value of a field, or a note about it. */
const translate = ({ hasBareVariables }: Reading, text: string): Translated =>
  translated(text, hasBareVariables)

/** Takes a secret that is written out, and returns what refers to it. */
const takeSecret = (secrets: Map<string, Redacted.Redacted>, field: string, text: string): string => {
  const wanted = secretNameFor(field)
  const names = [wanted, ...Array.from({ length: 98 }, (_, at) => `${wanted.slice(0, 37)}_${at + 2}`)]
  const name = names.find((one) => !secrets.has(one)) ?? wanted
  secrets.set(name, Redacted.make(text.replaceAll("$${", () => "${")))
  return `\${secret:${name}}`
}

/** A header with its secret stored. The scheme of an `Authorization` header stays in the entry. */
const storedHeader = (secrets: Map<string, Redacted.Redacted>, name: string, text: string): string => {
  const [, scheme = "", rest = text] = /^((?:bearer|basic|token)\s+)(.+)$/i.exec(text) ?? []
  return scheme + takeSecret(secrets, name, rest)
}

const readHeaders = (reading: Reading, given: ReadonlyArray<readonly [string, string]>): Fields => {
  const { fields, name: server, notes } = reading
  const headers = new Map<string, string>()
  for (const [name, written] of given) {
    const found = translate(reading, written)
    if ("unknown" in found) {
      notes.push(`Its header ${quotedName(name)} has ${why(found.unknown)}. It was left out.`)
    } else if (!isLiteralSecret(name, found.text)) headers.set(name, found.text)
    else if (reading.secrets !== undefined && !hasVariable(found.text)) {
      headers.set(name, storedHeader(reading.secrets, name, found.text))
    } else {
      const variable = variableName(server, name)
      notes.push(
        `Its header ${quotedName(name)} has a secret and was left out (import --secrets stores it). If the server needs it, set ${variable} and write "\${${variable}}" in headers.`
      )
    }
  }
  for (const [name, variable] of firstTexts(fields, ["env_http_headers"]))
    headers.set(name, `\${${variable}}`)
  const bearer = textOf(fields["bearer_token_env_var"])
  if (bearer !== undefined) headers.set("Authorization", `Bearer \${${bearer}}`)
  if (fields["headersHelper"] !== undefined) {
    notes.push("A program makes its headers there (headersHelper). It was left out.")
  }
  return headers.size === 0 ? {} : { headers: Object.fromEntries(headers) }
}

const scopesIn = (value: unknown): ReadonlyArray<string> | undefined =>
  typeof value === "string"
    ? value.split(/[\s,]+/).filter((scope) => scope !== "")
    : Array.isArray(value)
      ? textsOf(value)
      : undefined

/** The client's secret as a variable. */
const secretFor = (reading: Reading, secret: string): string => {
  const found = translate(reading, secret)
  if ("text" in found && hasVariable(found.text)) return found.text
  if (reading.secrets !== undefined && "text" in found) {
    return takeSecret(reading.secrets, "client_secret", found.text)
  }
  const variable = variableName(reading.name, "CLIENT_SECRET")
  reading.variables.add(variable)
  return `\${${variable}}`
}

/** The `oauth` block of Claude Code, Gemini CLI, opencode and VS Code; `auth` of Cursor; the fields of Codex. */
const readOAuth = (reading: Reading): Fields => {
  const { fields, notes } = reading
  const block = blockOf(fields["oauth"])
  const cursor = blockOf(fields["auth"])
  const pick = (...names: ReadonlyArray<string>) => firstText(block, names)
  const clientId = pick("clientId", "client_id") ?? textOf(cursor["CLIENT_ID"])
  const secret = pick("clientSecret", "client_secret") ?? textOf(cursor["CLIENT_SECRET"])
  const scopes = scopesIn(block["scopes"] ?? block["scope"] ?? cursor["scopes"] ?? fields["scopes"])
  const port = block["callbackPort"] ?? block["callback_port"]
  const redirect =
    pick("redirectUri", "redirect_uri", "callback_url", "callbackUrl") ??
    (typeof port === "number" ? `http://localhost:${port}/callback` : undefined)
  const [authorization, token] = [
    pick("authorizationUrl", "authorization_url"),
    pick("tokenUrl", "token_url")
  ]
  const unused = ["authServerMetadataUrl", "audiences", "tokenParamName", "cimdUrl"].filter(
    (name) => block[name] !== undefined
  )
  if (unused.length > 0) notes.push(`Fields of its oauth block were left out: ${unused.join(", ")}.`)
  const inUse = (text: string | undefined) => {
    const found = text === undefined ? undefined : translate(reading, text)
    return found !== undefined && "text" in found ? found.text : undefined
  }
  const id = inUse(clientId)
  const oauth: Fields = {
    ...(id === undefined ? {} : { client_id: id }),
    ...(id === undefined || secret === undefined ? {} : { client_secret: secretFor(reading, secret) }),
    ...(scopes === undefined || scopes.length === 0 ? {} : { scopes }),
    ...(redirect === undefined ? {} : { redirect_uri: redirect }),
    // Discovery finds them, unless the client was registered by hand.
    ...(id !== undefined && authorization !== undefined && token !== undefined
      ? { authorization_url: authorization, token_url: token }
      : {}),
    ...(pick("issuer") === undefined ? {} : { issuer: pick("issuer") })
  }
  return Object.keys(oauth).length === 0 ? {} : { oauth }
}

const taken = ({ notes, secrets, variables }: Reading, entry: Fields): ForeignResult => ({
  _tag: "Taken",
  entry,
  notes,
  variables: [...variables],
  secrets: secrets ?? new Map()
})

const readRemote = (reading: Reading, written: string): ForeignResult => {
  const { fields } = reading
  const url = translate(reading, written)
  if ("unknown" in url) return skipped(`has ${why(url.unknown)}, in its URL`)
  const parameter = secretParameter(url.text)
  if (parameter !== undefined || hasSecretShape(url.text)) {
    return skipped(`has a secret in its URL${parameter === undefined ? "" : ` (${parameter})`}`)
  }
  const type = textOf(fields["type"]) ?? textOf(fields["transport"])
  const isSse = type === "sse" || fields["sseUrl"] === written
  const options = blockOf(fields["requestOptions"])
  const given = [...firstTexts(fields, headerNames), ...firstTexts(options, ["headers"])]
  return taken(reading, {
    url: url.text,
    ...(isSse ? { type: "sse" } : {}),
    ...readHeaders(reading, given),
    ...readOAuth(reading)
  })
}

/** What the user reads about a flag of mcp-remote. */
const remoteNoteOf = ({ flag, text }: RemoteNotice): string =>
  flag === undefined ? `The command line of mcp-remote ${text}.` : `--${flag} of mcp-remote ${text}.`

const variableReference = /(?<!\$)\$\{([A-Za-z_]\w*)\}/g

/** Fills in the variables of a command line that the entry itself sets and that are no secrets. */
const filledIn = (reading: Reading, env: ReadonlyMap<string, string>, text: string): string =>
  text.replace(variableReference, (whole, name: string) => {
    const value = env.get(name)
    if (value === undefined) return whole
    if (!hasVariable(value) && (isLiteralSecret(name, value) || /auth|header|pass|pat\b/i.test(name))) {
      reading.variables.add(name)
      return whole
    }
    return value
  })

/** The headers and the client with the secrets of the entry's own variables stored. The URL cannot refer to one. */
const withStoredVariables = (
  { secrets, variables }: Reading,
  env: ReadonlyMap<string, string>,
  fields: Fields,
  address: string
): Fields => {
  if (secrets === undefined) return fields
  const references = new Map<string, string>()
  const referenceOf = (whole: string, name: string): string => {
    const value = variables.has(name) ? env.get(name) : undefined
    if (value === undefined) return whole
    const reference = references.get(name) ?? takeSecret(secrets, name, value)
    references.set(name, reference)
    return reference
  }
  const replaced = (value: unknown): unknown =>
    typeof value === "string"
      ? value.replace(variableReference, referenceOf)
      : Predicate.isReadonlyObject(value)
        ? Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, replaced(inner)]))
        : value
  const stored = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, replaced(value)]))
  for (const name of variables) if (env.has(name) && !address.includes(`\${${name}}`)) variables.delete(name)
  return stored
}

const readRemoteWords = (
  reading: Reading,
  words: ReadonlyArray<string>,
  env: ReadonlyMap<string, string>
): ForeignResult => {
  const { name: server, notes } = reading
  const line: Array<string> = []
  for (const word of words) {
    const found = translate(reading, word)
    if ("unknown" in found) return skipped(`starts mcp-remote with ${why(found.unknown)}`)
    line.push(found.text)
  }
  const read = readRemoteLine(line)
  if (Result.isFailure(read)) {
    const { flag, problem } = read.failure
    return skipped(
      `starts mcp-remote, and ${flag === undefined ? "the URL of that" : `--${flag}`} ${problem}`
    )
  }
  const { entry, notices, options } = read.success
  const { headers, oauth, url, ...others } = entry
  notes.push(...notices.map(remoteNoteOf))
  if (options.ignoredTools.length > 0) {
    notes.push("--ignore-tool of mcp-remote was left out: it is a flag of the proxy.")
  }
  const address = filledIn(reading, env, String(url))
  const parameter = secretParameter(address)
  if (parameter !== undefined || hasSecretShape(address)) return skipped("has a secret in its URL")
  const given = Object.entries(blockOf(headers)).map(
    ([name, value]) => [name, filledIn(reading, env, String(value))] as const
  )
  const { client_secret: secret, ...rest } = blockOf(oauth)
  const settings = {
    ...rest,
    ...(typeof secret === "string"
      ? { client_secret: secretFor(reading, filledIn(reading, env, secret)) }
      : {})
  }
  // The fields of the client are about a program, and the line names its own headers.
  const own = { ...reading, fields: {}, name: server }
  const used = {
    ...readHeaders(own, given),
    ...(Object.keys(settings).length === 0 ? {} : { oauth: settings })
  }
  return taken(reading, { url: address, ...others, ...withStoredVariables(reading, env, used, address) })
}

/** True for an entry that starts this program as a proxy. */
const startsProxy = (words: ReadonlyArray<string>): boolean =>
  words.some(
    (word, at) =>
      words[at + 1] === "proxy" && /(^|[\\/])(mcp-cli(-oauth)?(@[\w.-]+)?(\.c?js|\.cmd|\.exe)?)$/i.test(word)
  )

/** The words of a command, in the notations of the clients: a text and a list, one list, or an object (Zed). */
const commandOf = (fields: Fields): ReadonlyArray<string> => {
  const { args, cmd, command } = fields
  if (Array.isArray(command)) return textsOf(command)
  if (Predicate.isReadonlyObject(command)) {
    const path = textOf(command["path"])
    return path === undefined ? [] : [path, ...textsOf(command["args"])]
  }
  const program = textOf(command) ?? textOf(cmd)
  return program === undefined ? [] : [program, ...textsOf(args)]
}

const readProgram = (reading: Reading, [command = "", ...args]: ReadonlyArray<string>): ForeignResult => {
  const { fields, variables } = reading
  const nested = blockOf(fields["command"])
  const env = new Map<string, string>()
  for (const [name, written] of [...firstTexts(fields, envNames), ...firstTexts(nested, ["env"])]) {
    const found = translate(reading, written)
    if ("unknown" in found) return skipped(`has ${why(found.unknown)}, in its variable ${name}`)
    env.set(name, found.text)
  }
  if (startsProxy([command, ...args])) return skipped("starts this program already")
  const words = remoteWordsOf(command, args)
  if (words !== undefined) return readRemoteWords(reading, words, env)
  const translatedArgs: Array<string> = []
  for (const written of [command, ...args]) {
    const found = translate(reading, written)
    if ("unknown" in found) return skipped(`has ${why(found.unknown)}, in its command line`)
    if (hasSecretShape(found.text)) return skipped("has a secret in its command line")
    translatedArgs.push(found.text)
  }
  // A program needs its variables, whatever is in them.
  for (const [name, value] of env) {
    if (!isLiteralSecret(name, value)) continue
    if (reading.secrets !== undefined && !hasVariable(value)) {
      env.set(name, takeSecret(reading.secrets, name, value))
      continue
    }
    env.set(name, `\${${name}}`)
    variables.add(name)
  }
  const [program, ...rest] = translatedArgs
  const cwd = textOf(fields["cwd"])
  return taken(reading, {
    command: program,
    ...(rest.length === 0 ? {} : { args: rest }),
    ...(env.size === 0 ? {} : { env: Object.fromEntries(env) }),
    ...(cwd === undefined ? {} : { cwd })
  })
}

/** Types of Goose, which are parts of itself. */
const builtIn = ["builtin", "platform", "frontend", "inline_python"]

/**
 * Translates an entry in the file of an MCP client. Nothing that it names is read or started.
 *
 * **Details**
 *
 * The fields of all clients are read alike: their names do not contradict each other. A command line that starts mcp-remote
 * becomes the server that it leads to. Secrets that are written out stay where they are: a header is left out, and a variable of a
 * program becomes `${NAME}`. With `takesSecrets` both become `${secret:NAME}`, and the result has the secrets.
 *
 * @param name of the entry
 * @param options.hasBareVariables the client fills in `$NAME`
 */
export const readForeignEntry = (
  name: string,
  json: unknown,
  options: { readonly hasBareVariables?: boolean; readonly takesSecrets?: boolean } = {}
): ForeignResult => {
  if (!Predicate.isReadonlyObject(json)) return skipped("is not an object")
  // Zed and old versions of Continue have the server in a field of its own.
  const inner = blockOf(json["settings"])
  const transport = blockOf(json["transport"])
  const fields: Fields =
    firstText(json, urlNames) === undefined && commandOf(json).length === 0
      ? firstText(transport, urlNames) !== undefined || commandOf(transport).length > 0
        ? { ...json, ...transport, transport: undefined }
        : json
      : json
  const { hasBareVariables = false, takesSecrets = false } = options
  const secrets = takesSecrets ? new Map<string, Redacted.Redacted>() : undefined
  const reading: Reading = { name, fields, hasBareVariables, notes: [], variables: new Set(), secrets }
  if (fields["disabled"] === true || fields["enabled"] === false) return skipped("is disabled there")
  const type = textOf(fields["type"])
  if (type !== undefined && builtIn.includes(type)) return skipped("is a part of that program")
  const words = commandOf(fields)
  const url = firstText(fields, urlNames)
  if (url !== undefined && (words.length === 0 || type !== "stdio")) return readRemote(reading, url)
  if (words.length > 0) return readProgram(reading, words)
  if (json["extension"] !== undefined || json["source"] === "extension" || Object.keys(inner).length > 0) {
    return skipped("is an extension of that program")
  }
  return skipped("has neither a URL nor a command")
}
