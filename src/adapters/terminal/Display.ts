import type { DisplayOptions } from "../../ports/Display.ts"

interface Stream {
  readonly isTTY?: boolean
  readonly columns?: number
}

/** The part of a process that decides what is shown. */
export interface DisplayedProcess {
  readonly argv: ReadonlyArray<string>
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdout: Stream
  readonly stderr: Stream
}

/** The value of the last `--color` before `--`. Its errors are those of the command line. */
const colorFlag = (argv: ReadonlyArray<string>): string | undefined => {
  const end = argv.indexOf("--")
  const words = end < 0 ? argv : argv.slice(0, end)
  return words
    .flatMap((word, at) => {
      if (word === "--color") return words[at + 1] ?? []
      return word.startsWith("--color=") ? word.slice("--color=".length) : []
    })
    .at(-1)
}

/** `--color`, then `NO_COLOR` (no-color.org), then `FORCE_COLOR` (as in Node.js); undefined: a terminal gets colours. */
const colorChoice = ({ argv, env }: DisplayedProcess): boolean | undefined => {
  const flag = colorFlag(argv)
  if (flag === "always" || flag === "never") return flag === "always"
  const { FORCE_COLOR = "", NO_COLOR = "", TERM } = env
  if (NO_COLOR !== "") return false
  if (FORCE_COLOR !== "") return FORCE_COLOR !== "0" && FORCE_COLOR.toLowerCase() !== "false"
  return TERM === "dumb" ? false : undefined
}

/** A terminal without a size, such as that of a serial line, has 0 columns. */
const columnsOf = ({ columns = 0, isTTY }: Stream): number | undefined =>
  isTTY === true && columns > 0 ? columns : undefined

/** Looks at each stream only when it is needed: most runs write no colour, and opening a stream takes time. */
export const displayOf = (run: DisplayedProcess): DisplayOptions => ({
  get columns() {
    return columnsOf(run.stdout)
  },
  get errorColumns() {
    return columnsOf(run.stderr)
  },
  get canColor() {
    return colorChoice(run) ?? run.stdout.isTTY === true
  },
  get canColorErrors() {
    return colorChoice(run) ?? run.stderr.isTTY === true
  }
})
