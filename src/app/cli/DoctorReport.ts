import { safeLine } from "../../domain/PrintableText.ts"
import { type Finding, notNeeded } from "../doctor/Finding.ts"
import type { Line, Style, Styled } from "./Line.ts"
import { remedyText } from "./RemedyText.ts"
import { wrapped } from "./TextWidth.ts"

/** A status as a word, and as a colour if the terminal has any. */
const marks: Readonly<Record<Finding["status"], readonly [word: string, colour: Style]>> = {
  wrong: ["WRONG", 31],
  note: ["note", 35],
  ok: ["ok", 32],
  skipped: ["-", 2]
}

const width = Math.max(...Object.values(marks).map(([word]) => word.length))

/** Column of all texts. */
const column = width + 2

/** How a report is shown. */
export interface DoctorReportOptions {
  /** Columns of the terminal. Absent: no terminal shows it, and no line is broken. */
  readonly columns: number | undefined
  /** The `--config-file` of this run. */
  readonly configFile: string | undefined
  /** Shows what is right in detail, too. */
  readonly verbose: boolean
}

/**
 * The findings, what is wrong first: each with what fixes it. What is right has one line, and so have the checks that are not
 * needed, and those that an earlier problem makes impossible.
 */
export const doctorReport = (
  findings: ReadonlyArray<Finding>,
  { columns, configFile, verbose }: DoctorReportOptions
): ReadonlyArray<Line> => {
  // Output for another program is not broken into lines.
  const lines = (
    text: string,
    indent: number
  ): readonly [first: string, ...others: ReadonlyArray<string>] => {
    const [first = "", ...others] = columns === undefined ? [text] : wrapped(text, columns - indent)
    return [first, ...others.map((line) => " ".repeat(indent) + line)]
  }
  const entry = (status: Finding["status"], text: string): ReadonlyArray<Line> => {
    const [word, style] = marks[status]
    const [first, ...others] = lines(safeLine(text), column)
    const mark: Styled = { style, text: word }
    return [[mark, `${" ".repeat(column - word.length)}${first}`], ...others]
  }
  const of = (status: Finding["status"]) => findings.filter((finding) => finding.status === status)
  const names = (some: ReadonlyArray<Finding>) => some.map(({ check }) => check).join(", ")
  const detailed = ({ check, remedies, status, what }: Finding): ReadonlyArray<Line> => [
    ...entry(status, `${check}: ${what}.`),
    ...remedies.flatMap((remedy) => {
      const text = remedyText(remedy, configFile)
      // A command stays on one line, so that it can be copied.
      const [first, ...others] = remedy._tag === "Command" ? [text] : lines(text, column + 3)
      return [`${" ".repeat(column)}-> ${first}`, ...others]
    })
  ]
  const [right, impossible] = [of("ok"), of("skipped")]
  const isPlain = ({ what }: Finding) => !verbose && what === notNeeded
  const unneeded = of("note").filter(isPlain)
  const notes = of("note").filter((finding) => !isPlain(finding))
  return [
    ...[...of("wrong"), ...notes, ...(verbose ? right : [])].flatMap(detailed),
    ...(unneeded.length === 0 ? [] : entry("note", `${notNeeded}: ${names(unneeded)}.`)),
    ...(verbose || right.length === 0 ? [] : entry("ok", `${names(right)}.`)),
    ...(impossible.length === 0
      ? []
      : entry("skipped", `not checked: ${names(impossible)} (an earlier check failed).`))
  ]
}
