import { clearScreenDown, cursorTo, moveCursor } from "node:readline"
import { Clock, Duration, Effect, Layer } from "effect"
import { safeLine } from "../../domain/PrintableText.ts"
import type { Remedy } from "../../domain/Remedy.ts"
import { UserInteraction } from "../../ports/UserInteraction.ts"
import { countdown } from "./Countdown.ts"
import { showDevicePrompt } from "./DevicePrompt.ts"
import { isAttended, lineInterface, say } from "./Terminal.ts"

/**
 * Shows the time left until `end`, in milliseconds since the epoch, and returns what the user pastes: the lines of one
 * address that another terminal has broken into several.
 */
const pastedLine = (end: number) =>
  Effect.gen(function* () {
    const lines = yield* lineInterface()
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        // On a narrow terminal the prompt has more than one row.
        moveCursor(process.stderr, 0, -lines.getCursorPos().rows)
        cursorTo(process.stderr, 0)
        clearScreenDown(process.stderr)
      })
    )
    const show = Effect.gen(function* () {
      const left = countdown(end - (yield* Clock.currentTimeMillis))
      lines.setPrompt(
        `Waiting for your browser (${left}). If it is on another machine, paste the address it ended at: `
      )
      // Keeps what is typed so far.
      lines.prompt(true)
      yield* Effect.sleep("1 second")
    }).pipe(Effect.forever)
    const pasted = Effect.callback<string>((resume) => {
      const all: Array<string> = []
      const onLine = (line: string) => {
        all.push(line)
        // The editor reports every line of what arrives at once before this runs, and holds what follows the last one.
        setImmediate(() => {
          if (lines.line === "") resume(Effect.succeed(all.join("\n")))
        })
      }
      lines.on("line", onLine)
      return Effect.sync(() => lines.off("line", onLine))
    })
    return yield* Effect.raceFirst(pasted, show)
  }).pipe(Effect.scoped)

/**
 * Talks to the user at this terminal. All text goes to stderr; stdout is for programs.
 *
 * @param options.presence `always` for a command that signs in; `terminal` for commands that may sign in if this is a
 *   terminal. Neither counts in a non-interactive run.
 */
export const layer = (options: {
  readonly presence: "always" | "terminal"
  /** False for `--no-interactive` and in CI. */
  readonly interactive: boolean
  readonly timeout: Duration.Duration
  /** A remedy as text. */
  readonly remedyText: (remedy: Remedy) => string
}): Layer.Layer<UserInteraction> =>
  Layer.sync(UserInteraction, () => {
    const attended = isAttended() && options.interactive
    /** When the current sign-in times out, in milliseconds since the epoch. */
    let end = 0
    return UserInteraction.of({
      present: options.interactive && (options.presence === "always" || attended),
      timeout: options.timeout,
      askToSignIn: Effect.fn("TerminalUserInteraction.askToSignIn")(function* (server, url) {
        end = (yield* Clock.currentTimeMillis) + Duration.toMillis(options.timeout)
        yield* say(
          [
            `Authentication required for ${server}`,
            "Approve the sign-in in your browser. If it does not open, visit this URL:",
            "",
            `  ${url.href}`,
            "",
            attended ? "" : `Waiting up to ${countdown(Duration.toMillis(options.timeout))} minutes.\n`
          ].join("\n")
        )
      }),
      askToUseDevice: Effect.fn("TerminalUserInteraction.askToUseDevice")(showDevicePrompt),
      pastedRedirect: Effect.fn("TerminalUserInteraction.pastedRedirect")(() =>
        attended ? pastedLine(end) : Effect.never
      ),
      tell: (message, remedies = []) =>
        say([`mcp-cli: ${safeLine(message)}`, ...remedies.map(options.remedyText), ""].join("\n"))
    })
  })
