import { Effect } from "effect"
import type { Completions } from "effect/cli"
import { isSafeLine, safeLine } from "../../../domain/PrintableText.ts"
import { Configuration } from "../../../ports/Configuration.ts"
import { mcpClients } from "../../../domain/McpClient.ts"
import { KnownNames, type KnownKind } from "../../../ports/KnownNames.ts"
import { namesLeft } from "../ArgumentWords.ts"
import { type Candidate, expectedAt, type Expected } from "./Expected.ts"
import { insertable, readLine, type Shell, type ShellLine } from "./ShellLine.ts"

/** What the script of a shell asks. */
export interface Question {
  readonly shell: Shell
  /** The command line up to the cursor. */
  readonly line: string
  /** bash only: `COMP_TYPE` and `COMP_WORDBREAKS`. */
  readonly type?: string | undefined
  readonly breaks?: string | undefined
  /** Choices that this system does not have, such as the keyring of another one. They are not offered. */
  readonly absent?: ReadonlyArray<string>
}

/** A description beside a candidate must not fill the screen. */
const maxDescription = 60

const shortened = (text: string): string => {
  const line = safeLine(text).trim()
  return line.length > maxDescription ? `${line.slice(0, maxDescription - 1).toWellFormed()}…` : line
}

const kindOf = { tool: "tools", resource: "resources", prompt: "prompts" } as const

const named = (names: ReadonlyArray<string>): ReadonlyArray<Candidate> =>
  names.map((value) => ({ value, description: "" }))

/** The candidates that the configuration and the last listings know. */
const knownCandidates = Effect.fnUntraced(function* ({ flags, known, operands }: Expected, current: string) {
  const configuration = yield* Configuration
  const names = yield* KnownNames
  const [server = flags.get("server")] = operands
  const recalled = (kind: KnownKind) =>
    server === undefined
      ? Effect.succeed([])
      : Effect.flatMap(configuration.server(server), (found) => names.recall(found, kind))
  switch (known) {
    case undefined:
      return []
    case "server":
      return (yield* configuration.servers).map(({ name, target }): Candidate => ({
        value: name,
        description: target
      }))
    case "client":
      return mcpClients.map(({ id, title }): Candidate => ({ value: id, description: title }))
    case "account":
      return named(yield* names.accounts(server))
    case "tool":
    case "resource":
    case "prompt":
      return (yield* recalled(kindOf[known])).map(({ description, name }): Candidate => ({
        value: name,
        description
      }))
    case "tool argument":
    case "prompt argument": {
      const listed = yield* recalled(known === "tool argument" ? "tools" : "prompts")
      const item = listed.find(({ name }) => name === operands[1])
      const equals = current.indexOf("=")
      if (equals < 0) return named(namesLeft(item?.arguments ?? [], operands.slice(2), current))
      const name = current.slice(0, equals)
      const values = new Map(Object.entries(item?.values ?? {})).get(name) ?? []
      return named(values.map((value) => `${name}=${value}`))
    }
  }
})

/** In these modes bash inserts one candidate after the other, so that a description would become part of the line. */
const insertsInTurn = (type: string | undefined): boolean => type === "37" || type === "42"

/** The cells of the candidates, as the script of a shell expects them. */
const cellsOf = (
  { breaks = "", shell, type }: Question,
  line: ShellLine,
  prefix: string,
  candidates: ReadonlyArray<Candidate>
): ReadonlyArray<ReadonlyArray<string>> => {
  const valueOf = ({ value }: Candidate) =>
    shell === "zsh" ? value : insertable(shell, prefix + value, line, breaks)
  if (shell !== "bash") {
    return candidates.map((candidate) => {
      const shown = shell === "powershell" ? [prefix + candidate.value] : []
      return [valueOf(candidate), ...shown, shortened(candidate.description)]
    })
  }
  // bash has no descriptions. What follows two spaces is shown, and never inserted, where there is a choice.
  const isChoice = candidates.length > 1 && !insertsInTurn(type)
  const width = Math.max(...candidates.map((candidate) => valueOf(candidate).length))
  return candidates.map((candidate) => {
    const description = shortened(candidate.description)
    return isChoice && description !== ""
      ? [`${valueOf(candidate).padEnd(width)}  (${description})`]
      : [valueOf(candidate)]
  })
}

/**
 * Answers the script of a shell. The first line says what follows: `files` for the names of files, `nospace` for candidates
 * that go on, `value` for those that follow the `=` of a flag, `names` otherwise. What cannot be known is left out.
 */
export const answer = Effect.fnUntraced(function* (
  question: Question,
  root: Completions.CommandDescriptor,
  globalFlags: ReadonlyArray<Completions.FlagDescriptor>
) {
  const { absent = [], shell } = question
  const line = readLine(shell, question.line)
  const expected = expectedAt(root, globalFlags, line.words, line.current)
  if (expected.files) return [["files"]]
  const { prefix } = expected
  const known = yield* Effect.orElseSucceed(knownCandidates(expected, line.current), () => [])
  const isShown = ({ value }: Candidate) =>
    // fish and zsh find candidates by rules of their own.
    isSafeLine(value) && (shell === "fish" || shell === "zsh" || `${prefix}${value}`.startsWith(line.current))
  const candidates = [...expected.fixed.filter(({ value }) => !absent.includes(value)), ...known].filter(
    isShown
  )
  const goesOn = candidates.length > 0 && candidates.every(({ value }) => value.endsWith("="))
  const directive = goesOn ? "nospace" : prefix === "" ? "names" : "value"
  return [[directive], ...cellsOf(question, line, prefix, candidates)]
})
