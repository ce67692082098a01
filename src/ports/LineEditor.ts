import { Context, type Effect, type Option } from "effect"

/** How a line can go on. */
export interface Completion {
  /** The end of the line that is completed. */
  readonly word: string
  /** What can take its place. */
  readonly found: ReadonlyArray<string>
}

/** Reads the lines of a session. */
export class LineEditor extends Context.Service<
  LineEditor,
  {
    /** True if a user types the lines. Otherwise a script does, and a failed line must end it. */
    readonly isInteractive: boolean
    /** Runs what a line asks for. Ctrl-C cancels it (none) instead of ending the program, at any moment until `end`. */
    readonly cancellable: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<Option.Option<A>, E, R>
    /**
     * Reads one line, with tab completion and the history of the user; none at the end of the input, and after Ctrl-C twice
     * on an empty line.
     *
     * A text that was pasted is one line, and may have line breaks.
     *
     * @param complete how the line so far can go on
     * @param isKept true for a line that may be written to the history of later sessions; absent: all of them
     */
    readonly read: (
      prompt: string,
      complete: (line: string) => Effect.Effect<Completion>,
      isKept?: (line: string) => boolean
    ) => Effect.Effect<Option.Option<string>>
    /** Says that no more lines follow: Ctrl-C only hurries the end of the program. */
    readonly end: Effect.Effect<void>
  }
>()("mcp-cli-oauth/ports/LineEditor") {}
