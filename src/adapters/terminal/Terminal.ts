import { clearScreenDown, createInterface, cursorTo, type Interface, moveCursor } from "node:readline"
import { Effect, type Scope } from "effect"
import { addFooter, breaksLineAgain, type Footer, leaveLine, removeFooter, writeError } from "./Screen.ts"

/** True if a user can type here and sees stderr. */
export const isAttended = (): boolean => process.stdin.isTTY === true && process.stderr.isTTY === true

/** True if stderr is a terminal. */
export const isOnScreen = (): boolean => process.stderr.isTTY === true

/** The columns of the screen; 80 if they are not known. */
export const screenColumns = (): number => process.stderr.columns || 80

/** Writes to stderr. */
export const say = (text: string): Effect.Effect<void> => Effect.sync(() => writeError(text))

/**
 * Listens to the errors of a terminal that is closed: reading fails (EIO), before or after SIGHUP arrives, and leaving the raw
 * mode fails. Without a listener the process would end at once, in the middle of a refresh.
 */
const ignoreError = () => undefined

/** Keeps the line that is edited below what else is written. */
const footerOf = (lines: Interface): Footer => ({
  hide: () => {
    moveCursor(process.stderr, 0, -lines.getCursorPos().rows)
    cursorTo(process.stderr, 0)
    clearScreenDown(process.stderr)
  },
  show: () => {
    // The editor would go up by the rows of the line that is no longer there.
    Object.assign(lines, { prevRows: 0 })
    lines.prompt(true)
  }
})

/** After a change of its size a terminal shows the line in other rows than those that the editor would go up by. */
const followRows = (lines: Interface) => () => {
  if (breaksLineAgain()) Object.assign(lines, { prevRows: lines.getCursorPos().rows })
}

/** Nothing is shown of a secret. */
const withoutEcho: Footer = { hide: () => undefined, show: () => undefined }

/**
 * A line editor on the terminal, closed with the scope and when the terminal is gone. Ctrl-C interrupts the program, as
 * everywhere.
 */
export const lineInterface = (
  options: Omit<Parameters<typeof createInterface>[0] & object, "input"> = {}
): Effect.Effect<Interface, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      // The last editor has released it.
      process.stdin.ref?.()
      const lines = createInterface({ input: process.stdin, output: process.stderr, ...options })
      lines.on("error", ignoreError)
      lines.once("error", () => lines.close())
      if (!process.stdin.listeners("error").includes(ignoreError)) process.stdin.on("error", ignoreError)
      // In raw mode the editor receives Ctrl-C instead of the process.
      lines.on("SIGINT", () => {
        leaveLine()
        process.kill(process.pid, "SIGINT")
      })
      const footer = options.output === undefined ? footerOf(lines) : withoutEcho
      if (options.terminal !== false) addFooter(footer)
      const onResize = followRows(lines)
      // Before the editor's own, which draws the line again.
      process.stderr.prependListener("resize", onResize)
      return { lines, footer, onResize }
    }),
    ({ footer, lines, onResize }) =>
      Effect.sync(() => {
        process.stderr.removeListener("resize", onResize)
        lines.close()
        removeFooter(footer)
        // An open stdin would keep the process alive.
        process.stdin.unref?.()
      })
  ).pipe(Effect.map(({ lines }) => lines))
