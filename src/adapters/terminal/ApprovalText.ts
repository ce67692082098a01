import { printable, safeJson, safeLine } from "../../domain/PrintableText.ts"
import type { ApprovalRequest } from "../../ports/ToolApproval.ts"

/** Characters of one argument, arguments, and lines of a change that a question shows. `v` shows all of them. */
const maxArgument = 200
const maxArguments = 12
const maxChanges = 20

const valueText = (value: unknown): string => {
  const text = safeJson(value)
  return text.length <= maxArgument
    ? text
    : `${text.slice(0, maxArgument).toWellFormed()}… (${text.length.toLocaleString("en")} characters)`
}

/** True if {@link approvalText} leaves something out. */
export const isCut = ({ arguments: args, change }: ApprovalRequest): boolean => {
  const values = Object.values(args)
  return (
    values.length > maxArguments ||
    change.length > maxChanges ||
    values.some((value) => safeJson(value).length > maxArgument)
  )
}

const changeText = (change: ApprovalRequest["change"]): ReadonlyArray<string> =>
  change.length === 0
    ? []
    : ["Its definition has changed since it was first used:", ...change.map((line) => `  ${printable(line)}`)]

/** A call that the user has to decide about. Nothing in it can look like a line of this program. */
export const approvalText = ({ arguments: args, change, reasons, server, tool }: ApprovalRequest): string => {
  const entries = Object.entries(args)
  const shown = entries.slice(0, maxArguments)
  const hidden = entries.length - shown.length
  return [
    `${safeLine(server)} would run ${printable(tool.name)}${entries.length === 0 ? ", without arguments" : ":"}`,
    ...shown.map(([name, value]) => `  ${printable(name)}: ${valueText(value)}`),
    ...(hidden > 0 ? [`  and ${hidden} more`] : []),
    ...reasons.map(safeLine),
    ...changeText(change.slice(0, maxChanges)),
    ...(change.length > maxChanges ? [`  and ${change.length - maxChanges} more lines`] : [])
  ].join("\n")
}

/** All of it: each argument as JSON, with what a terminal would hide as escapes. */
export const wholeApprovalText = ({ arguments: args, change, tool }: ApprovalRequest): string =>
  [
    `The arguments of ${printable(tool.name)}:`,
    safeJson(args, 2),
    ...changeText(change),
    ...(tool.description === undefined
      ? []
      : [`What its server says about it: ${safeJson(tool.description)}`])
  ].join("\n")
