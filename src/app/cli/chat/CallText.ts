import { Duration } from "effect"
import { escapedLine, safeJson, safeLine } from "../../../domain/PrintableText.ts"
import type { CallOutcome, ShownCall } from "../../chat/Chat.ts"
import type { Line, Styled } from "../Line.ts"
import { wholeFirstLine } from "../Output.ts"

/** Characters of a call, and of one of its arguments, that a line shows. The question before a call shows all of them. */
const maxCall = 160
const maxArgument = 60
/** Characters of an error that a line shows. */
const maxError = 300

const cut = (text: string, length: number): string =>
  text.length > length ? `${text.slice(0, length).toWellFormed()}…` : text

/** A call as one line: `notion: search query="roadmap"`. */
export const callText = ({ arguments: args, name, tool }: ShownCall, columns = maxCall): string => {
  const start = tool === undefined ? escapedLine(name) : `${tool.server}: ${escapedLine(tool.tool.name)}`
  const given = Object.entries(args ?? {}).map(
    ([key, value]) => `${escapedLine(key)}=${cut(safeJson(value), maxArgument)}`
  )
  return cut(safeLine([start, ...given].join(" ")), Math.min(columns, maxCall))
}

/** `0.4 s`, `12 s`, `1 min 5 s`. */
export const durationText = (duration: Duration.Duration): string => {
  const seconds = Duration.toMillis(duration) / 1000
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  return seconds < 60
    ? `${Math.round(seconds)} s`
    : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`
}

/** Columns for what follows the call in its line, of one that succeeds. */
const resultColumns = 14

/**
 * A call that has ended, and how.
 *
 * @param columns of the screen that shows it
 */
export const endedCall = (
  call: ShownCall,
  outcome: CallOutcome,
  duration: Duration.Duration,
  columns = maxCall
): Line => {
  const text = callText(call, Math.max(columns - resultColumns, resultColumns))
  const start: Styled = { style: 2, text: text.endsWith("…") ? `${text} ` : `${text} … ` }
  const took = durationText(duration)
  switch (outcome._tag) {
    case "Done":
      return [
        start,
        {
          style: 2,
          text:
            outcome.cutCharacters === 0
              ? took
              : `${took}, ${outcome.cutCharacters.toLocaleString("en")} characters of the result left out`
        }
      ]
    case "Failed":
      return [
        start,
        { style: 31, text: "failed" },
        ` after ${took}${outcome.mayHaveRun === true ? ", and may have been carried out" : ""}: ${cut(wholeFirstLine(outcome.text), maxError)}`
      ]
    case "Refused":
      return [start, "refused"]
    case "NeedsApproval":
      return [start, { style: 31, text: "not called" }, ": it needs an approval"]
    case "Interrupted":
      return [start, { style: 31, text: "interrupted" }, ` after ${took}. It may have been carried out.`]
  }
}
