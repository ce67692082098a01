import { defaultAccount } from "../../domain/CredentialKey.ts"
import { safeLine, safeText } from "../../domain/PrintableText.ts"
import {
  type Command,
  command,
  type Configure,
  hasEntry,
  type Remediable,
  type Remedy
} from "../../domain/Remedy.ts"
import { nameForUrl } from "../../domain/TypedAddress.ts"

/** An argument as a shell reads it back, `cmd.exe` included if the text allows that. */
export const quoted = (text: string): string => {
  if (/^[\w@%+=:,./-]+$/.test(text)) return text
  return /["$`\\!%\r\n]/.test(text) ? `'${text.replaceAll("'", `'\\''`)}'` : `"${text}"`
}

/** An option and its value. A value that starts with a dash would be read as another option, so it follows `=`. */
const option = (name: string, value: string | boolean): string => {
  if (typeof value === "boolean") return value ? `--${name}` : `--no-${name}`
  return `--${name}${value.startsWith("-") ? "=" : " "}${quoted(value)}`
}

const takesServer = /^(add|auth|install|remove|tools|resources|prompts)\b/

/** A command line, ready to be typed: `mcp-cli auth login notion --account work`. */
export const commandLine = (command: Command, configFile?: string): string => {
  const { account = defaultAccount, line, operand, options = {}, server, url = "URL", verb } = command
  const flags = [
    ...(account === defaultAccount ? [] : [option("account", account)]),
    ...Object.entries(options).map(([name, value]) => option(name, value)),
    ...(configFile === undefined || Object.hasOwn(options, "config-file")
      ? []
      : [option("config-file", configFile)])
  ]
  const isForAll = options["all"] === true || verb === "auth client-metadata"
  const name = server ?? (takesServer.test(verb) && !isForAll ? "NAME" : undefined)
  const further = verb === "add" ? url : operand
  if (line !== undefined) return ["mcp-cli", verb, ...line.map(quoted), ...flags].join(" ")
  const operands = [name, further].flatMap((word) => (word === undefined ? [] : [word]))
  // After `--` nothing is read as an option.
  const rest = operands.some((word) => word.startsWith("-"))
    ? [...flags, "--", ...operands.map(quoted)]
    : [...operands.map(quoted), ...flags]
  return ["mcp-cli", verb, ...rest].join(" ")
}

/** The command line that opens a session with a server. */
export const sessionLine = (server: string, configFile?: string): string =>
  [
    "mcp-cli",
    option("server", server),
    ...(configFile === undefined ? [] : [option("config-file", configFile)])
  ].join(" ")

/** Names as a sentence lists them: `a, b and c`. */
export const listed = (names: ReadonlyArray<string>): string =>
  names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`

/** Names as a question offers them: `a, b or c`. */
export const alternatives = (names: ReadonlyArray<string>): string =>
  names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`

const fieldText = ([name, value]: readonly [string, unknown]): string =>
  value === null ? JSON.stringify(name) : `${JSON.stringify(name)}: ${JSON.stringify(value)}`

/** Where the fields are: `the oauth block of notion`. */
const blockText = ([root, server, ...block]: Configure["path"]): string => {
  if (root !== "mcpServers" || server === undefined) return JSON.stringify(root)
  if (block.length === 0) return `the entry of ${server}`
  return block.join(".") === "oauth" ? `the oauth block of ${server}` : `"${block.join(".")}" of ${server}`
}

/** What to change about a server that was given by its URL alone, and so has no entry. */
const withoutEntry = (
  { action, fields, path: [, url = "", ...block], when }: Configure,
  configFile: string | undefined
): string => {
  const condition = when === undefined ? "" : `If ${when}, `
  const address = fields["url"]
  if (block.length === 0 && address !== undefined) {
    if (action === "check") return `Check the URL ${url}.`
    const target = address === null ? "that URL in place of this one" : `${address} in place of this URL`
    return `${condition}${condition === "" ? "Give" : "give"} ${target}.`
  }
  const names = listed(Object.entries(fields).map(fieldText))
  const place =
    block.length === 0
      ? "its entry"
      : block.join(".") === "oauth"
        ? "its oauth block"
        : `"${block.join(".")}" of its entry`
  const parsed = URL.parse(url)
  const server = parsed === null ? undefined : nameForUrl(parsed)
  const line = commandLine(command("add", { server, url }), configFile)
  return `${condition}${condition === "" ? "Add" : "add"} the server, and set ${names} in ${place}: ${line}`
}

const configureText = (remedy: Configure, configFile: string | undefined): string => {
  const { action, fields, path, when } = remedy
  const [root, server] = path
  if (root === "mcpServers" && server !== undefined && !hasEntry(server))
    return withoutEntry(remedy, configFile)
  const names = listed(Object.entries(fields).map(fieldText))
  const sentence = `${action} ${names} ${action === "remove" ? "from" : "in"} ${blockText(path)}.`
  return when === undefined
    ? sentence.slice(0, 1).toUpperCase() + sentence.slice(1)
    : `If ${when}, ${sentence}`
}

const rawText = (remedy: Remedy, configFile: string | undefined): string => {
  switch (remedy._tag) {
    case "Command": {
      const line = commandLine(remedy, configFile)
      return remedy.purpose === undefined ? `Run: ${line}` : `To ${remedy.purpose}, run: ${line}`
    }
    case "Configure":
      return configureText(remedy, configFile)
    case "Advice":
      return remedy.text
  }
}

/**
 * A remedy as one line for the user. It is safe for a terminal, although its values, such as scopes, may be a server's.
 *
 * @param configFile the `--config-file` of this run: without it a command would use another configuration.
 */
export const remedyText = (remedy: Remedy, configFile?: string): string =>
  safeLine(rawText(remedy, configFile))

/**
 * An error for the user: what happened, and below it what can be done. Further lines of a message are indented, so that none
 * of them looks like a remedy.
 */
export const errorText = ({ message, remedies }: Remediable, configFile?: string): string =>
  [
    safeText(message).replace(/\n */g, "\n  "),
    ...remedies.map((remedy) => remedyText(remedy, configFile))
  ].join("\n")

/** Remedies for a program: the data, and the line that a user would read. */
export const remediesJson = (remedies: ReadonlyArray<Remedy>, configFile?: string) =>
  remedies.map((remedy) => ({ ...remedy, text: remedyText(remedy, configFile) }))

/** An error and its remedies in one line, for a message that has only one. A command ends with a semicolon, which no one copies. */
export const errorLine = (error: Remediable, configFile?: string): string => {
  const lines = errorText(error, configFile).split(/\n\s*/)
  return lines
    .map((line, at) => (/[.!?:]$/.test(line) || at === lines.length - 1 ? line : `${line};`))
    .join(" ")
}
