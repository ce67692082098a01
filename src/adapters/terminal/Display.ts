import type { DisplayOptions } from "../../ports/Display.ts"

/** The part of a process that decides what is shown. */
export interface DisplayedProcess {
  readonly argv: ReadonlyArray<string>
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdout: { readonly isTTY?: boolean; readonly columns?: number }
  readonly stderr: { readonly isTTY?: boolean }
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

/** Looks at each stream only when it is needed: most runs write no colour, and opening a stream takes time. */
export const displayOf = (run: DisplayedProcess): DisplayOptions => ({
  get columns() {
    const { columns = 0, isTTY } = run.stdout
    // A terminal without a size, such as that of a serial line, has 0 columns.
    return isTTY === true && columns > 0 ? columns : undefined
  },
  get canColor() {
    return colorChoice(run) ?? run.stdout.isTTY === true
  },
  get canColorErrors() {
    return colorChoice(run) ?? run.stderr.isTTY === true
  }
})
