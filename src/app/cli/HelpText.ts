import { Option } from "effect"
import type { HelpDoc } from "effect/cli"
import { definitions } from "./Definitions.ts"
import type { Line } from "./Line.ts"
import { usageLine } from "./UsageLine.ts"
import { displayWidth, wrapped } from "./TextWidth.ts"

/** Columns of help that no terminal shows, and the most on a wide one: longer lines are hard to read. */
const [defaultColumns, maxColumns] = [80, 100]

type Flag = HelpDoc.FlagDoc

const valueOf = ({ type }: Flag): string => (type === "boolean" ? "" : ` ${type}`)

/** A flag as it is typed: `-s, --server NAME`. */
const flagName = (flag: Flag): string => {
  const [short] = flag.aliases
  return `${short === undefined ? "    " : `${short}, `}--${flag.name}${valueOf(flag)}`
}

const textOf = ({ description }: Pick<Flag, "description">): string => Option.getOrElse(description, () => "")

const rowsOf = (
  rows: ReadonlyArray<readonly [name: string, text: string]>,
  columns: number
): ReadonlyArray<Line> => definitions(rows, { columns, indent: 2 })

const section = (title: string, lines: ReadonlyArray<Line>): ReadonlyArray<Line> =>
  lines.length === 0 ? [] : ["", [{ style: 1, text: title }], ...lines]

const paragraph = (text: string, columns: number, prefix: string): ReadonlyArray<string> =>
  wrapped(text, columns - prefix.length).map((line) => prefix + line)

/** A command in lines that a shell reads as one, so that it can be copied. Words, quoted texts and flags with their values are not broken. */
const commandLines = (command: string, width: number): ReadonlyArray<string> => {
  const lines: Array<string> = []
  const words = Array.from(command.matchAll(/(?:--[\w-]+ (?!--))?(?:"[^"]*"|'[^']*'|[^\s"'])+/g)).flatMap(
    ([word]) => (displayWidth(`${word} \\`) > width ? word.split(/(?<=^--[\w-]+) /) : [word])
  )
  for (const word of words) {
    const line = lines.at(-1)
    if (line !== undefined && displayWidth(`${line} ${word} \\`) <= width)
      lines.splice(-1, 1, `${line} ${word}`)
    else lines.push(word)
  }
  return displayWidth(command) <= width + 2
    ? [command]
    : lines.map((line, at) => (at === lines.length - 1 ? line : `${line} \\`))
}

const examplesOf = ({ examples = [] }: HelpDoc.HelpDoc, columns: number): ReadonlyArray<Line> =>
  examples.flatMap(({ command, description }, at) => [
    ...(at === 0 ? [] : [""]),
    ...(description === undefined ? [] : paragraph(description, columns, "  # ")),
    ...commandLines(command, columns - 4).map((line, at) => (at === 0 ? `  ${line}` : `    ${line}`))
  ])

/** The flags of every command: explained once, at the root, and only listed elsewhere. */
const globalFlags = (doc: HelpDoc.HelpDoc, columns: number): ReadonlyArray<Line> => {
  const { commandPath = [], globalFlags: flags = [] } = doc
  const [root = ""] = commandPath
  if (commandPath.length < 2)
    return rowsOf(
      flags.map((flag) => [flagName(flag), textOf(flag)]),
      columns
    )
  const names = flags
    .filter(({ name }) => name !== "version" && name !== "completions")
    // A name and its value stay on one line.
    .map((flag) => `--${flag.name}${valueOf(flag)}`.replace(" ", "\u00a0"))
  return paragraph(`${names.join(", ")}. See ${root} --help.`, columns, "  ").map((line) =>
    line.replaceAll("\u00a0", " ")
  )
}

/**
 * The help of a command: what it does, the commands below it, its arguments, flags and examples, and last the flags that every
 * command has.
 *
 * @param columns of the terminal; absent: no terminal shows it
 */
export const helpLines = (doc: HelpDoc.HelpDoc, columns = defaultColumns): ReadonlyArray<Line> => {
  const width = Math.min(columns, maxColumns)
  const { args = [], description, flags, subcommands = [] } = doc
  const commands = subcommands.flatMap(({ commands: group }) => group)
  return [
    ...wrapped(`${description}.`, width),
    ...section("USAGE", paragraph(usageLine(doc), width, "  ")),
    ...section(
      "COMMANDS",
      rowsOf(
        commands.map(({ description: text, name, shortDescription }) => [name, shortDescription ?? text]),
        width
      )
    ),
    ...section(
      "ARGUMENTS",
      rowsOf(
        args.map((argument) => [argument.name, textOf(argument)]),
        width
      )
    ),
    ...section(
      "FLAGS",
      rowsOf(
        flags.map((flag) => [flagName(flag), textOf(flag)]),
        width
      )
    ),
    ...section("EXAMPLES", examplesOf(doc, width)),
    ...section("GLOBAL FLAGS", globalFlags(doc, width))
  ]
}
