import { Console, Context, Effect } from "effect"

/** Writes results that grow within their line. */
export interface TextOutput {
  /** Adds text that is safe for a terminal, but for the styles of this program. */
  readonly write: (text: string) => Effect.Effect<void>
  /** Ends the line that the last text left open. */
  readonly endLine: Effect.Effect<void>
}

/** Writes each line once it is complete. */
const byLine = (): TextOutput => {
  let open = ""
  return {
    write: (text) =>
      Effect.suspend(() => {
        const lines = (open + text).split("\n")
        open = lines.pop() ?? ""
        return lines.length === 0 ? Effect.void : Console.log(lines.join("\n"))
      }),
    endLine: Effect.suspend(() => {
      const line = open
      open = ""
      return line === "" ? Effect.void : Console.log(line)
    })
  }
}

/** By default the console gets whole lines. */
export const TextOutput = Context.Reference<TextOutput>("mcp-cli-oauth/ports/TextOutput", {
  defaultValue: byLine
})
