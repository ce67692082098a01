import type { Completions } from "effect/cli"
import { knownProviders } from "../../../domain/chat/ModelProvider.ts"

/** Something that can stand at the cursor. */
export interface Candidate {
  readonly value: string
  readonly description: string
}

/** What only the configuration and the last listings know. */
export type Known =
  | "server"
  | "account"
  | "client"
  | "tool"
  | "resource"
  | "prompt"
  | "tool argument"
  | "prompt argument"

/** What a command line expects at the cursor. */
export interface Expected {
  /** Flags, commands and choices. */
  readonly fixed: ReadonlyArray<Candidate>
  readonly known: Known | undefined
  readonly files: boolean
  /** What stands before the value in the word: `--account=`. */
  readonly prefix: string
  /** The words that are operands of the command. */
  readonly operands: ReadonlyArray<string>
  /** The values of the flags, by name. */
  readonly flags: ReadonlyMap<string, string>
}

/** What the values of arguments and flags are, by name. A test names an argument or a flag that is not here. */
export const kinds: Readonly<Record<string, Known | "file" | "free" | "provider">> = {
  NAME: "server",
  SERVER: "server",
  server: "server",
  account: "account",
  SECRET: "free",
  TOOL: "tool",
  URI: "resource",
  PROMPT: "prompt",
  FILE: "file",
  "config-file": "file",
  to: "file",
  trace: "file",
  socket: "file",
  output: "file",
  "key=value": "tool argument",
  URL: "free",
  args: "free",
  allow: "free",
  resume: "free",
  model: "free",
  "base-url": "free",
  "allow-origin": "free",
  "callback-timeout": "free",
  port: "free",
  header: "free",
  scope: "free",
  "client-id": "free",
  client: "client",
  "client-secret-variable": "free",
  env: "free",
  ARG: "free",
  PROVIDER: "provider",
  "auth-timeout": "free",
  from: "free",
  issuer: "free",
  "redirect-uri": "free",
  timeout: "free",
  url: "free"
}

/** Commands whose names of arguments mean something else: a new name, and the arguments of a prompt. */
const exceptions: Readonly<Record<string, Known | "free">> = {
  "add NAME": "free",
  "prompt NAME": "server",
  "prompt key=value": "prompt argument"
}

const nothing = { fixed: [], known: undefined, files: false }

type Value = Completions.FlagDescriptor | Completions.ArgumentDescriptor

/** What can be the value of a flag or an argument. */
const valuesOf = (command: string, { name, type }: Value): Pick<Expected, "fixed" | "known" | "files"> => {
  if (type._tag === "Choice") {
    return { ...nothing, fixed: type.values.map((value) => ({ value, description: "" })) }
  }
  const kind = exceptions[`${command} ${name}`] ?? (Object.hasOwn(kinds, name) ? kinds[name] : undefined)
  if (type._tag === "Path" || kind === "file") return { ...nothing, files: true }
  if (kind === "provider") {
    return { ...nothing, fixed: knownProviders.map(({ name }) => ({ value: name, description: "" })) }
  }
  return { ...nothing, known: kind === "free" ? undefined : kind }
}

const takesValue = ({ optionalValue, type }: Completions.FlagDescriptor): boolean =>
  type._tag !== "Boolean" && optionalValue !== true

const isFlag = (word: string): boolean => word.startsWith("-") && word !== "-"

/**
 * Says what a command line expects at the cursor.
 *
 * @param root the commands of the program
 * @param globalFlags the flags of all commands
 * @param words the words before the cursor
 * @param current the word at the cursor
 */
export const expectedAt = (
  root: Completions.CommandDescriptor,
  globalFlags: ReadonlyArray<Completions.FlagDescriptor>,
  words: ReadonlyArray<string>,
  current: string
): Expected => {
  let command = root
  let pending: Completions.FlagDescriptor | undefined
  let hasEnded = false
  const operands: Array<string> = []
  const flags = new Map<string, string>()
  const flagsOf = () => [...command.flags, ...globalFlags]
  const flagAt = (word: string) => {
    const name = word.replace(/=.*$/s, "")
    return flagsOf().find(
      (flag) => name === `--${flag.name}` || flag.aliases.some((alias) => name === `-${alias}`)
    )
  }
  for (const word of words) {
    if (pending !== undefined) {
      flags.set(pending.name, word)
      pending = undefined
    } else if (!hasEnded && word === "--") {
      hasEnded = true
    } else if (!hasEnded && isFlag(word)) {
      const flag = flagAt(word)
      if (flag === undefined) continue
      const equals = word.indexOf("=")
      flags.set(flag.name, equals < 0 ? "" : word.slice(equals + 1))
      if (equals < 0 && takesValue(flag)) pending = flag
    } else {
      const next = operands.length === 0 ? command.subcommands.find(({ name }) => name === word) : undefined
      if (next === undefined) operands.push(word)
      else command = next
    }
  }
  const about = { prefix: "", operands, flags }
  if (pending !== undefined) return { ...valuesOf(command.name, pending), ...about }
  const equals = current.indexOf("=")
  if (!hasEnded && isFlag(current) && equals > 0) {
    const flag = flagAt(current)
    const prefix = current.slice(0, equals + 1)
    return flag === undefined || !takesValue(flag)
      ? { ...nothing, ...about }
      : { ...valuesOf(command.name, flag), ...about, prefix }
  }
  if (!hasEnded && current.startsWith("-")) {
    const fixed = flagsOf()
      .filter(({ name }) => !flags.has(name))
      .map(({ description = "", name }) => ({ value: `--${name}`, description }))
    return { ...nothing, ...about, fixed }
  }
  const parameters = command.arguments
  const last = parameters.at(-1)
  const parameter = parameters[operands.length] ?? (last?.variadic === true ? last : undefined)
  const subcommands = operands.length > 0 ? [] : command.subcommands
  const values = parameter === undefined ? nothing : valuesOf(command.name, parameter)
  return {
    ...values,
    ...about,
    fixed: [
      ...subcommands.map(({ description = "", name }) => ({ value: name, description })),
      ...values.fixed
    ]
  }
}
