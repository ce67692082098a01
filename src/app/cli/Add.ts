import { Config, Effect, Option, Stdio } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { command, type Remedy } from "../../domain/Remedy.ts"
import { hasSecretShape, isSecretName, secretParameter } from "../../domain/SecretShape.ts"
import { grantTypes } from "../../domain/Server.ts"
import { ConfigurationEditor, type EntryJson } from "../../ports/ConfigurationEditor.ts"
import type { JsonOutput } from "./JsonOutput.ts"
import { printJson, tell } from "./Output.ts"
import { quoted, remedyText, sessionLine } from "./RemedyText.ts"
import { configFileOfRun, Json } from "./Settings.ts"
import { UsageError } from "./UsageError.ts"

const text = (name: string, metavar: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(description))

const flags = {
  clientId: text("client-id", "ID", "The client that is registered at the provider").pipe(Flag.optional),
  clientSecretVariable: text(
    "client-secret-variable",
    "VARIABLE",
    "The environment variable that holds the client's secret"
  ).pipe(Flag.optional),
  scope: text("scope", '"A B"', "Request these scopes").pipe(Flag.between(0, 50)),
  issuer: text("issuer", "URL", "The only authorization server that is accepted").pipe(Flag.optional),
  redirectUri: text("redirect-uri", "URL", "The redirect URI of the registered client").pipe(Flag.optional),
  grantType: Flag.Literals("grant-type", Object.values(grantTypes)).pipe(
    Flag.withDescription("How to sign in"),
    Flag.optional
  ),
  header: text("header", '"NAME: VALUE"', "Send this header; ${NAME} in it is an environment variable").pipe(
    Flag.between(0, 50)
  ),
  sse: Flag.Boolean("sse").pipe(
    Flag.withDescription("The server speaks only the old HTTP+SSE transport"),
    Flag.withDefault(false)
  ),
  allowHttp: Flag.Boolean("allow-http").pipe(
    Flag.withDescription("Allow http to a server in a private network"),
    Flag.withDefault(false)
  ),
  env: text("env", "NAME=VALUE", "With a command: set this variable for it").pipe(Flag.between(0, 100)),
  force: Flag.Boolean("force").pipe(
    Flag.withDescription("Replace another server of this name"),
    Flag.withDefault(false)
  )
}

/** The values of the flags. */
type Given = Command.Command.Config.Infer<typeof flags>

const refuse = (problem: string, ...remedies: ReadonlyArray<Remedy>) => new UsageError({ problem, remedies })

/** Parts of a host name that say nothing about whose server it is. */
const generic = /^(mcp|www|api|app|server|ai|com|org|net|io|dev|co|uk|localhost|\d+)$/

/** A name for the server at an address: `notion` for https://mcp.notion.com/mcp. */
export const nameFor = ({ hostname }: URL): string =>
  hostname
    .split(".")
    .toReversed()
    .slice(1)
    .find((label) => !generic.test(label)) ?? "my-server"

const isUrl = (given: string): boolean => /^[a-z][a-z0-9+.-]*:\/\//i.test(given)

/** `mcp.notion.com/mcp`, or `localhost:3000`. */
const isWithoutScheme = (given: string): boolean =>
  /^(localhost|[\w-]+(\.[\w-]+)+)(:\d+)?(\/|$)/.test(given) &&
  !/\.(js|mjs|cjs|ts|py|sh|exe|cmd|bat)$/.test(given)

/** What is wrong with an operand that is not the URL of a server. */
const urlError = (name: string, given: string, isAlone: boolean): UsageError => {
  if (isWithoutScheme(given)) {
    const scheme = /^(localhost|127\.)/.test(given) ? "http" : "https"
    const fixed = command("add", { server: name, url: `${scheme}://${given}` })
    return refuse(`"${given}" is not a URL: it has no ${scheme}:// in front.`, fixed)
  }
  if (isUrl(given)) return refuse(`"${given}" is not the http or https URL of a server.`)
  const words = isAlone ? quoted(given) : `${quoted(given)} ...`
  return refuse(
    `"${given}" is not a URL. For a program on this machine, write -- before it: mcp-cli add ${quoted(name)} -- ${words}`
  )
}

/** Refuses a secret in the place of a variable. */
const refuseSecret = (what: string) =>
  refuse(
    `${what} would be stored in plain text. Write the name of an environment variable instead, in single quotes: '\${NAME}'.`
  )

/** Refuses the URL and the arguments of a program that hold a secret. */
const checkWords = Effect.fnUntraced(function* (words: ReadonlyArray<string>) {
  const name = words.map(secretParameter).find((found) => found !== undefined)
  if (name !== undefined) return yield* refuseSecret(`The value of ${name}`)
  const at = words.findIndex(hasSecretShape)
  if (at === 0) return yield* refuseSecret("The secret in this URL")
  if (at > 0) return yield* refuseSecret(`The secret in argument ${at} of the program`)
})

/** Splits `NAME: VALUE` and `NAME=VALUE`. The file holds no secrets in plain text. */
const assigned = Effect.fnUntraced(function* (
  flag: string,
  separator: ":" | "=",
  given: ReadonlyArray<string>
) {
  const entries: Array<readonly [string, string]> = []
  for (const assignment of given) {
    const at = assignment.indexOf(separator)
    // The text may be a secret, so it is not shown.
    if (at < 1)
      return yield* refuse(`--${flag} is written as NAME${separator}${separator === ":" ? " " : ""}VALUE.`)
    const name = assignment.slice(0, at).trim()
    const value = separator === ":" ? assignment.slice(at + 1).trim() : assignment.slice(at + 1)
    if (hasSecretShape(value) || (isSecretName(name) && !value.includes("${"))) {
      return yield* refuseSecret(`The value of ${name}`)
    }
    entries.push([name, value])
  }
  return entries.length === 0 ? {} : { [flag === "env" ? "env" : "headers"]: Object.fromEntries(entries) }
})

/** An object without the fields that are undefined; undefined if none is left. */
const fieldsOf = (fields: Readonly<Record<string, unknown>>): EntryJson | undefined => {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined)
  return given.length === 0 ? undefined : Object.fromEntries(given)
}

const oauthOf = Effect.fnUntraced(function* (given: Given) {
  const variable = Option.getOrUndefined(given.clientSecretVariable)
  if (variable !== undefined && !/^[A-Za-z_]\w*$/.test(variable)) {
    return yield* refuse(
      "--client-secret-variable takes the name of an environment variable, not the secret itself."
    )
  }
  const scopes = given.scope.flatMap((list) => list.split(/\s+/)).filter((scope) => scope !== "")
  return fieldsOf({
    grant_type: Option.getOrUndefined(given.grantType),
    client_id: Option.getOrUndefined(given.clientId),
    client_secret: variable === undefined ? undefined : `\${${variable}}`,
    scopes: given.scope.length === 0 ? undefined : scopes,
    redirect_uri: Option.getOrUndefined(given.redirectUri),
    issuer: Option.getOrUndefined(given.issuer)
  })
})

/** The entry that a command line describes. */
const entryOf = Effect.fnUntraced(function* (
  name: string,
  [target, ...args]: ReadonlyArray<string>,
  given: Given
) {
  const isCommand = (yield* Stdio.Stdio.use((stdio) => stdio.args)).includes("--")
  if (target === undefined) {
    return yield* refuse(`The URL of ${name} is missing, or -- and the command that starts it.`)
  }
  yield* checkWords([target, ...args])
  const others = {
    ...(yield* assigned("header", ":", given.header)),
    ...(yield* assigned("env", "=", given.env)),
    ...fieldsOf({ allow_http: given.allowHttp || undefined, oauth: yield* oauthOf(given) })
  }
  if (isCommand) return { command: target, ...(args.length === 0 ? {} : { args }), ...others }
  if (args.length > 0 || (!target.includes("${") && !/^https?:$/.test(URL.parse(target)?.protocol ?? ""))) {
    return yield* urlError(name, target, args.length === 0)
  }
  return { url: target, ...(given.sse ? { type: "sse" } : {}), ...others }
})

/** Fails if the name is a URL, and says what was probably meant. */
const checkName = Effect.fnUntraced(function* (name: string, target: string | undefined) {
  if (!isUrl(name)) return
  const address = URL.parse(name)
  const server = target !== undefined && !isUrl(target) ? target : address && nameFor(address)
  return yield* refuse(
    `"${name}" is the URL of a server, and its name comes first.`,
    command("add", { server: server ?? undefined, url: name })
  )
})

const results = {
  added: (name: string, file: string) => `Added ${name} to ${file}.`,
  changed: (name: string, file: string) => `Changed ${name} in ${file}.`,
  replaced: (name: string, file: string) => `Replaced ${name} in ${file}.`,
  unchanged: (name: string, file: string) => `${file} has ${name} already. Nothing was changed.`
} as const

/** `npx mcp-cli-oauth` installs no `mcp-cli`. */
const ofThisRun = Effect.fnUntraced(function* (line: string) {
  const npm = yield* Effect.orElseSucceed(Config.option(Config.String("npm_command")), () => Option.none())
  return Option.contains(npm, "exec") ? line.replace(/^mcp-cli/, "npx mcp-cli-oauth") : line
})

/** `mcp-cli add NAME URL`, `mcp-cli add NAME -- COMMAND ARG...` */
export const add = Command.make(
  "add",
  {
    name: Argument.String("NAME").pipe(Argument.withDescription("How you call the server")),
    target: Argument.String("URL").pipe(
      Argument.withDescription("Its URL; or -- and the command that starts it"),
      Argument.variadic()
    ),
    ...flags
  },
  Effect.fn("cli.add")(function* ({ name, target, ...given }) {
    yield* checkName(name, target[0])
    const entry = yield* entryOf(name, target, given)
    const { force } = given
    const { backup, file, result } = yield* ConfigurationEditor.use((editor) =>
      editor.add(name, entry, { force })
    )
    if (yield* Json)
      return yield* printJson({
        server: name,
        file,
        result,
        backup: backup ?? null
      } satisfies JsonOutput<"add">)
    yield* tell(results[result](name, file))
    if (backup !== undefined) yield* tell(`The file as it was before: ${backup}`)
    const configFile = yield* configFileOfRun
    if ("command" in entry) {
      return yield* tell(remedyText(command("tools", { server: name, purpose: "see its tools" }), configFile))
    }
    yield* tell(`To sign in and use it, run: ${yield* ofThisRun(sessionLine(name, configFile))}`)
  })
).pipe(
  Command.withDescription("Add a server to the configuration file"),
  Command.withExamples([
    { command: "mcp-cli add notion https://mcp.notion.com/mcp", description: "A server with a sign-in" },
    {
      command: "mcp-cli add acme https://mcp.acme.com --client-id mcp --client-secret-variable ACME_SECRET",
      description: "One that takes registered clients only"
    },
    {
      command: "mcp-cli add files -- npx -y @modelcontextprotocol/server-filesystem .",
      description: "A program on this machine"
    }
  ])
)
