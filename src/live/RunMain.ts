import { Cause, type Effect, Exit } from "effect"
import * as Runtime from "effect/Runtime"
import { explainErrno } from "../adapters/platform/Errno.ts"
import { endsBySignal, hasSessionEnded, takeInterrupt, takeSignal } from "../adapters/terminal/Interrupts.ts"
import { whenWritten, writeError } from "../adapters/terminal/Screen.ts"
import { defect } from "../app/cli/ExitCode.ts"

/** The signals that end the program, and their numbers. */
const signals = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGTERM: 15 } as const
type Signal = keyof typeof signals

/** Milliseconds after which the user is told why the program has not ended yet. */
const noticeDelay = 1000

/**
 * Runs the program, and ends the process with its exit code.
 *
 * A signal, or an output that cannot be written, interrupts the program. It ends what it must not leave half done: the
 * refresh and the write of the new tokens, locks, and the programs of stdio servers. The exit code is then 128 + the number
 * of the signal, as in a shell. In a session, Ctrl-C cancels the line that runs instead. A user who does not want to wait ends
 * the program by a second Ctrl-C, once told what that may cost.
 *
 * Node resets ignored signals at its start, so `nohup` cannot keep SIGHUP away from it.
 */
export const runMain = (run: Effect.Effect<number>): void => {
  Runtime.makeRunMain(({ fiber }) => {
    let code: number | undefined
    let hasEnded = false
    let isTold = false

    const stop = (exitCode: number) => {
      if (hasEnded) return process.exit(exitCode)
      if (code !== undefined) return
      code = exitCode
      fiber.interruptUnsafe(fiber.id)
      setTimeout(() => {
        isTold = true
        writeError(
          "mcp-cli: Ending as soon as servers have stopped and new tokens are stored. Press Ctrl-C again to end at once; you may then have to sign in again.\n"
        )
      }, noticeDelay).unref()
    }

    for (const [signal, number] of Object.entries(signals) as ReadonlyArray<[Signal, number]>) {
      process.on(signal, () => {
        if ((signal === "SIGINT" && takeInterrupt()) || takeSignal()) return
        const isKey = signal === "SIGINT" || signal === "SIGQUIT"
        const isEnd = endsBySignal() || (signal === "SIGINT" && hasSessionEnded())
        const exitCode = isEnd ? 0 : 128 + number
        if (isKey && isTold) process.exit(exitCode)
        stop(exitCode)
      })
    }

    process.stdout.on("error", (error: NodeJS.ErrnoException) => {
      // A reader that has seen enough (`| head`) is no error.
      if (error.code === "EPIPE") return stop(0)
      writeError(`mcp-cli: The output cannot be written: ${explainErrno(error.code)}.\n`)
      stop(defect)
    })
    // The terminal is gone, and there is no other place for messages.
    process.stderr.on("error", () => undefined)

    fiber.addObserver((exit) => {
      hasEnded = true
      const ended = Exit.match(exit, {
        onSuccess: (result) => (typeof result === "number" ? result : defect),
        onFailure: (cause) => (Cause.hasInterruptsOnly(cause) ? (code ?? defect) : defect)
      })
      if (code !== undefined || ended !== 0) process.exit(ended)
      // What was written is flushed first. A process that ends by itself first frees its memory, piece by piece: that takes
      // longer than a round trip, and it dies of Ctrl-C meanwhile.
      whenWritten(() => process.exit())
    })
  })(run, { disableErrorReporting: true })
}
