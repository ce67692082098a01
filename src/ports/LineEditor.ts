import { Context, type Effect, type Option } from "effect"

/** Reads the lines of a session. */
export class LineEditor extends Context.Service<
  LineEditor,
  {
    /** Whether a user types the lines; else a script does, which cannot see what went wrong. */
    readonly isPerson: boolean
    /**
     * One line, edited with history (kept for the run) and tab completion; none at the end of input.
     *
     * @param complete the words that may stand in place of the line so far.
     */
    readonly read: (
      prompt: string,
      complete: (line: string) => ReadonlyArray<string>
    ) => Effect.Effect<Option.Option<string>>
  }
>()("mcp-cli-oauth/ports/LineEditor") {}
