import { Context } from "effect"

/** What the places can show that this program writes to. */
export interface DisplayOptions {
  /** Columns of the terminal that shows the results. Absent: they go to a file or to another program. */
  readonly columns: number | undefined
  /** Columns of the terminal that shows messages. Absent: stderr is a file or another program. */
  readonly errorColumns: number | undefined
  /** True if results may have colours. */
  readonly canColor: boolean
  /** True if messages on stderr may have colours. */
  readonly canColorErrors: boolean
}

/** What the terminal of this run can show. By default no terminal shows anything: no text is cut or coloured. */
export const Display = Context.Reference<DisplayOptions>("mcp-cli-oauth/ports/Display", {
  defaultValue: () => ({
    columns: undefined,
    errorColumns: undefined,
    canColor: false,
    canColorErrors: false
  })
})
