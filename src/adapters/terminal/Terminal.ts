import { createInterface, type Interface } from "node:readline"
import { Effect, type Scope } from "effect"
import { writeError } from "./Screen.ts"

/** True if a user can type here and sees stderr. */
export const isAttended = (): boolean => process.stdin.isTTY === true && process.stderr.isTTY === true

/** True if stderr is a terminal. */
export const isOnScreen = (): boolean => process.stderr.isTTY === true

/** Writes to stderr. */
export const say = (text: string): Effect.Effect<void> => Effect.sync(() => writeError(text))

/**
 * Listens to the errors of a terminal that is closed: reading fails (EIO), before or after SIGHUP arrives, and leaving the raw
 * mode fails. Without a listener the process would end at once, in the middle of a refresh.
 */
const ignoreError = () => undefined

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
        writeError("\n")
        process.kill(process.pid, "SIGINT")
      })
      return lines
    }),
    (lines) =>
      Effect.sync(() => {
        lines.close()
        // An open stdin would keep the process alive.
        process.stdin.unref?.()
      })
  )
