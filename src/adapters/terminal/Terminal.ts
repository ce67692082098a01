import { createInterface, type Interface } from "node:readline"
import { Effect, type Scope } from "effect"

/** Somebody can type here, and sees what we say. */
export const isAttended = (): boolean => process.stdin.isTTY === true && process.stderr.isTTY === true

/** What we say is seen on a terminal, and not in a file. */
export const isOnScreen = (): boolean => process.stderr.isTTY === true

/** Writes to the screen, past whatever reads our output. */
export const say = (text: string): Effect.Effect<void> => Effect.sync(() => void process.stderr.write(text))

/** A line editor on the terminal, closed with the scope. Ctrl-C means there what it means everywhere. */
export const lineInterface = (
  options: Omit<Parameters<typeof createInterface>[0] & object, "input"> = {}
): Effect.Effect<Interface, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const lines = createInterface({ input: process.stdin, output: process.stderr, ...options })
      // A terminal that edits lines gives Ctrl-C to the editor instead of ending the program.
      lines.on("SIGINT", () => {
        process.stderr.write("\n")
        process.kill(process.pid, "SIGINT")
      })
      return lines
    }),
    (lines) =>
      Effect.sync(() => {
        lines.close()
        // A terminal that is still being read would keep the program alive.
        process.stdin.unref?.()
      })
  )
