import { escapedLine, safeJson, safeLine } from "../../domain/PrintableText.ts"
import type { ApprovalRequest } from "../../ports/ToolApproval.ts"
import { hangingIndent } from "./HangingIndent.ts"

/** Characters of a name or a value, of a line of a change, arguments, and such lines in a question. `v` shows all of them. */
const maxText = 200
const maxChange = 300
const maxArguments = 12
const maxChanges = 20

const cut = (text: string, max: number): string =>
  text.length <= max
    ? text
    : `${text.slice(0, max).toWellFormed()}… (${text.length.toLocaleString("en")} characters)`

/** True if {@link approvalText} leaves something out. */
export const isCut = ({ arguments: args, change }: ApprovalRequest): boolean => {
  const entries = Object.entries(args)
  return (
    entries.length > maxArguments ||
    change.length > maxChanges ||
    entries.flat().some((one) => safeJson(one).length > maxText) ||
    change.some((line) => escapedLine(line).length > maxChange)
  )
}

const changeText = (change: ApprovalRequest["change"], max = Infinity): ReadonlyArray<string> =>
  change.length === 0
    ? []
    : [
        "Its definition has changed since it was first used:",
        ...change.map((line) => `  ${cut(escapedLine(line), max)}`)
      ]

/** A call that the user has to decide about. Nothing in it can look like a line of this program, or like another name. */
export const approvalText = ({ arguments: args, change, reasons, server, tool }: ApprovalRequest): string => {
  const entries = Object.entries(args)
  const shown = entries.slice(0, maxArguments)
  const hidden = entries.length - shown.length
  const text = [
    `${safeLine(server)} would run ${cut(escapedLine(tool.name), maxText)}${entries.length === 0 ? ", without arguments" : ":"}`,
    ...shown.map(([name, value]) => `  ${cut(escapedLine(name), maxText)}: ${cut(safeJson(value), maxText)}`),
    ...(hidden > 0 ? [`  and ${hidden} more`] : []),
    ...reasons.map(safeLine),
    ...changeText(change.slice(0, maxChanges), maxChange),
    ...(change.length > maxChanges ? [`  and ${change.length - maxChanges} more lines`] : [])
  ]
  return hangingIndent(text.join("\n"))
}

/** All of it: each argument as JSON, with what a terminal would hide as escapes. */
export const wholeApprovalText = ({ arguments: args, change, tool }: ApprovalRequest): string => {
  const text = [
    `The arguments of ${escapedLine(tool.name)}:`,
    safeJson(args, 2),
    ...changeText(change),
    ...(tool.description === undefined
      ? []
      : [`What its server says about it: ${safeJson(tool.description)}`])
  ]
  return hangingIndent(text.join("\n"))
}
