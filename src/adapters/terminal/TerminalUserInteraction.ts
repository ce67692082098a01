import { clearLine, cursorTo } from "node:readline"
import { Clock, Duration, Effect, Layer } from "effect"
import { UserInteraction } from "../../ports/UserInteraction.ts"
import { countdown } from "./Countdown.ts"
import { showDevicePrompt } from "./DevicePrompt.ts"
import { isAttended, lineInterface, say } from "./Terminal.ts"

/** Shows the time that is left until `end`, in milliseconds since the epoch, and gives the line that is pasted meanwhile. */
const pastedLine = (end: number) =>
  Effect.gen(function* () {
    const lines = yield* lineInterface()
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        cursorTo(process.stderr, 0)
        clearLine(process.stderr, 0)
      })
    )
    const show = Effect.gen(function* () {
      const left = countdown(end - (yield* Clock.currentTimeMillis))
      lines.setPrompt(`Waiting for the browser ${left}, or paste the address that it ended at: `)
      // What has been typed so far stays.
      lines.prompt(true)
      yield* Effect.sleep("1 second")
    }).pipe(Effect.forever)
    const pasted = Effect.callback<string>((resume) => {
      const onLine = (line: string) => resume(Effect.succeed(line))
      lines.once("line", onLine)
      return Effect.sync(() => lines.off("line", onLine))
    })
    return yield* Effect.raceFirst(pasted, show)
  }).pipe(Effect.scoped)

/**
 * The user at this terminal. Everything is said on stderr, so that stdout stays for programs.
 *
 * @param options.presence `always` where somebody asked to sign in, unless nobody is to be asked; else only when this is a
 * terminal that may ask.
 */
export const layer = (options: {
  readonly presence: "always" | "terminal"
  /** The user asked not to be asked. */
  readonly interactive: boolean
  readonly timeout: Duration.Duration
}): Layer.Layer<UserInteraction> =>
  Layer.sync(UserInteraction, () => {
    const attended = isAttended() && options.interactive
    /** When the flow that is under way gives up. */
    let end = 0
    return UserInteraction.of({
      present: options.interactive && (options.presence === "always" || attended),
      timeout: options.timeout,
      askToSignIn: Effect.fn("TerminalUserInteraction.askToSignIn")(function* (server, url) {
        end = (yield* Clock.currentTimeMillis) + Duration.toMillis(options.timeout)
        yield* say(
          [
            `Authentication required for ${server}`,
            "Approve in the browser. If none opens, open this address:",
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
      tell: (message) => say(`mcp-cli: ${message}\n`)
    })
  })
