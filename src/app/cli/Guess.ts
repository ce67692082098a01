import type { CliError, HelpDoc } from "effect/cli"
import { nearName } from "../../domain/NearName.ts"
import { mcpClientIds } from "../../domain/McpClient.ts"
import { foreignPrograms } from "../../ports/ForeignTokens.ts"
import { isUrl } from "./Arguments.ts"
import { nearClients } from "./clients/NearClients.ts"
import { quoted } from "./RemedyText.ts"

/** What other programs call a command, and commands without the group that they are in. A test knows the commands that exist. */
export const synonyms: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "mcp-cli": {
    login: "auth login",
    signin: "auth login",
    logout: "auth logout",
    signout: "auth logout",
    revoke: "auth logout",
    status: "auth status",
    whoami: "auth status",
    accounts: "auth status",
    token: "auth token",
    refresh: "auth token",
    reset: "auth reset",
    forget: "auth reset",
    doctor: "auth doctor",
    check: "auth doctor",
    diagnose: "auth doctor",
    "client-metadata": "auth client-metadata",
    move: "storage move",
    migrate: "storage move",
    rekey: "storage rekey",
    list: "servers",
    ls: "servers",
    init: "add",
    config: "add",
    configure: "add",
    new: "add",
    create: "add",
    rm: "remove",
    delete: "remove",
    approve: "trust",
    exec: "call",
    invoke: "call",
    connect: "--server",
    open: "--server",
    session: "--server",
    shell: "--server",
    run: "--server",
    start: "--server"
  },
  "mcp-cli auth": {
    signin: "auth login",
    add: "auth login",
    signout: "auth logout",
    revoke: "auth logout",
    list: "auth status",
    ls: "auth status",
    whoami: "auth status",
    show: "auth status",
    refresh: "auth token",
    print: "auth token",
    forget: "auth reset",
    remove: "auth reset",
    delete: "auth reset",
    check: "auth doctor",
    diagnose: "auth doctor"
  },
  "mcp-cli storage": {
    status: "storage",
    show: "storage",
    list: "storage",
    check: "storage",
    migrate: "storage move",
    password: "storage rekey",
    passwd: "storage rekey"
  }
}

/** Other names of flags. */
const flagSynonyms: Readonly<Record<string, string>> = {
  "--config": "--config-file",
  "--configuration": "--config-file",
  "--user": "--account",
  "--profile": "--account",
  "--scopes": "--scope",
  "--headless": "--no-browser",
  "--non-interactive": "--no-interactive",
  "--debug": "--verbose",
  "--output": "--json",
  "--format": "--json"
}

/** A command line that does not parse. */
export interface Invocation {
  /** The words after the name of the program. */
  readonly words: ReadonlyArray<string>
  readonly commandPath: ReadonlyArray<string>
  readonly helpDoc: HelpDoc.HelpDoc
  /** The first thing that is wrong with it. */
  readonly error: CliError.NonShowHelpErrors
  /** The servers of the configuration. */
  readonly servers: ReadonlyArray<string>
}

/** `sign-in` and `Login` are `signin` and `login`. */
const bare = (word: string): string => word.toLowerCase().replace(/[-_]/g, "")

/** Offers a command line: the command, and the server that it is for. Other words may be secrets. */
const offer = (command: string, operands: ReadonlyArray<string>): string => {
  const [first, ...others] = operands
  const shown = first === undefined || first.startsWith("-") ? [] : [quoted(first)]
  const rest = operands.length > shown.length && others.length + 1 > shown.length ? ["..."] : []
  return `Did you mean: ${["mcp-cli", command, ...shown, ...rest].join(" ")}`
}

const commandGuess = (
  { commandPath, helpDoc, servers, words }: Invocation,
  { subcommand }: CliError.UnknownSubcommand
): string | undefined => {
  const group = commandPath.join(" ")
  const after = words.slice(words.indexOf(subcommand) + 1)
  const own = synonyms[group] ?? {}
  const inGroup = (name: string) => [...commandPath.slice(1), name].join(" ")
  const commands = new Map([
    ...Object.entries(own),
    ...(helpDoc.subcommands ?? []).flatMap(({ commands: listed }) =>
      listed.map(({ name }) => [name, inGroup(name)] as const)
    )
  ])
  const word = bare(subcommand)
  const exact = Array.from(commands).find(([name]) => bare(name) === word)?.[1]
  const [operand] = after
  // The tools of a server are what a list of it is.
  if (exact === "servers" && operand !== undefined && servers.includes(operand)) return offer("tools", after)
  if (exact !== undefined) return offer(exact, after)
  const withServer = group === "mcp-cli auth" ? "auth login" : "--server"
  if (servers.includes(subcommand) || isUrl(subcommand)) return offer(withServer, [subcommand, ...after])
  const near = nearName(subcommand, [...commands.keys()])
  const command = near === undefined ? undefined : commands.get(near)
  if (near !== undefined && command === inGroup(near)) return `Did you mean ${near}?`
  if (command !== undefined) return offer(command, after)
  const server = nearName(subcommand, servers)
  return server === undefined ? undefined : offer(withServer, [server, ...after])
}

/** The value of a flag: `--flag=value` or `--flag value`. */
export const valueOfFlag = (flag: string, words: ReadonlyArray<string>): string | undefined => {
  const at = words.findIndex((word) => word === flag || word.startsWith(`${flag}=`))
  const word = words[at]
  if (word === undefined) return undefined
  return word === flag ? words[at + 1] : word.slice(flag.length + 1)
}

const flagGuess = (
  { commandPath, helpDoc, words }: Invocation,
  { option }: CliError.UnrecognizedOption
): string | undefined => {
  const command = commandPath.slice(1).join(" ")
  const at = words.findIndex((word) => word === option || word.startsWith(`${option}=`))
  // A program's own flags.
  if (command === "add" && !words.includes("--") && at > 2 && !isUrl(words[2] ?? ""))
    return offer(`add ${quoted(words[1] ?? "NAME")} --`, words.slice(2))
  if (/^--(server|name|server-name)$/.test(option) && command !== "") {
    const value = valueOfFlag(option, words)
    return offer(command, value === undefined ? ["NAME"] : [value])
  }
  const known = [...helpDoc.flags, ...(helpDoc.inheritedFlags ?? []), ...(helpDoc.globalFlags ?? [])].flatMap(
    ({ name }) => [`--${name}`, `--no-${name}`]
  )
  if (/^--(device|scope|trace)$/.test(option) && !known.includes(option))
    return `${option} belongs to mcp-cli auth login.`
  const synonym = flagSynonyms[option]
  const meant =
    synonym !== undefined && known.includes(synonym)
      ? synonym
      : option.startsWith("--")
        ? nearName(option, known)
        : undefined
  return meant === undefined ? undefined : `Did you mean ${meant}?`
}

/** The choice that a value probably misspells, if the flag has a list of them: `"all" | "cursor"`. */
const valueGuess = ({ expected, option, value }: CliError.InvalidValue): string | undefined => {
  const known = Array.from(expected.matchAll(/"([^"]+)"/g), ([, choice = ""]) => choice)
  const client = option === "from" ? nearClients(value).find((id) => known.includes(id)) : undefined
  const near = client ?? nearName(value, known)
  return near === undefined ? undefined : `Did you mean --${option} ${near}?`
}

/** A client or program that was given without the flag that takes it. */
const argumentGuess = (
  { commandPath, words }: Invocation,
  { arguments: [word = ""] }: CliError.UnexpectedArgument
): string | undefined => {
  const [, command = ""] = commandPath
  const isImport = command === "import"
  if (!isImport && command !== "install" && command !== "uninstall") return undefined
  const flag = isImport ? "--from" : "--client"
  const near = nearName(word, isImport ? [...mcpClientIds, ...foreignPrograms] : mcpClientIds)
  if (near === undefined || valueOfFlag(flag, words) !== undefined) return undefined
  // Some programs have sign-ins, and no list of servers.
  const isOfTokens = isImport && (words.includes("--tokens") || !mcpClientIds.includes(near))
  const server = isImport ? [] : words.slice(1, 2).filter((name) => !name.startsWith("-"))
  const hasOthers = words.some((other) => ![command, word, "--tokens", ...server].includes(other))
  const line = [command, ...server.map(quoted), ...(isOfTokens ? ["--tokens"] : []), flag, near]
  return `Did you mean: ${["mcp-cli", ...line, ...(hasOthers ? ["..."] : [])].join(" ")}`
}

/** A question that names what was probably meant by a command line that does not parse. Undefined: nothing comes near. */
export const guessOf = (invocation: Invocation): string | undefined => {
  const { error } = invocation
  switch (error._tag) {
    case "UnknownSubcommand":
      return commandGuess(invocation, error)
    case "UnrecognizedOption":
      return flagGuess(invocation, error)
    case "InvalidValue":
      return valueGuess(error)
    case "UnexpectedArgument":
      return argumentGuess(invocation, error)
    default:
      return undefined
  }
}
