import { clearScreenDown, cursorTo, moveCursor } from "node:readline"
import { Clock, Duration, Effect, Layer, Semaphore } from "effect"
import { safeLine } from "../../domain/PrintableText.ts"
import type { Remedy } from "../../domain/Remedy.ts"
import { UserInteraction } from "../../ports/UserInteraction.ts"
import { isBrowserElsewhere } from "../platform/BrowserPlace.ts"
import { countdown } from "./Countdown.ts"
import { showDevicePrompt } from "./DevicePrompt.ts"
import { writeAddress, writeError } from "./Screen.ts"
import { signInText } from "./SignInText.ts"
import { isAttended, lineInterface, say } from "./Terminal.ts"

/** The prompt for the address that a sign-in ended at. It gives way to messages, and is shown again below them. */
const makePastePrompt = () => {
  /** When the sign-in times out, in milliseconds since the epoch. */
  let end = 0
  let question = (left: string) => left
  /** What is typed and not sent yet. */
  let typed = ""
  const messages: Array<string> = []
  /** Ends the prompt that is shown; absent: none is. */
  let giveWay: (() => void) | undefined

  /** Shows the prompt until a line arrives: none if a message takes its place. */
  const lineOrMessage = Effect.gen(function* () {
    const lines = yield* lineInterface()
    let isBelowPrompt = false
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        giveWay = undefined
        // On a narrow terminal the prompt has more than one row. After a line feed the cursor is below it, and what was pasted stays.
        if (!isBelowPrompt) moveCursor(process.stderr, 0, -lines.getCursorPos().rows)
        cursorTo(process.stderr, 0)
        clearScreenDown(process.stderr)
        for (const message of messages.splice(0)) writeError(message)
      })
    )
    Object.assign(lines, { line: typed, cursor: typed.length })
    typed = ""
    const show = Effect.gen(function* () {
      lines.setPrompt(question(countdown(end - (yield* Clock.currentTimeMillis))))
      // Keeps what is typed so far.
      lines.prompt(true)
      isBelowPrompt = false
      yield* Effect.sleep("1 second")
    }).pipe(Effect.forever)
    const pasted = Effect.callback<string | undefined>((resume) => {
      const all: Array<string> = []
      const keep = () => {
        typed = [...all.splice(0), lines.line].join("")
      }
      lines.on("line", (line) => {
        all.push(line)
        isBelowPrompt = true
        // The editor reports every line of what arrives at once before this runs, and holds what follows the last one.
        setImmediate(() => {
          if (lines.line === "" && all.length > 0) resume(Effect.succeed(all.splice(0).join("\n")))
        })
      })
      giveWay = () => {
        keep()
        resume(Effect.undefined)
      }
      return Effect.sync(keep)
    })
    return yield* Effect.raceFirst(pasted, show)
  }).pipe(Effect.scoped)

  return {
    /** Says what the next prompt is about. */
    prepare: (about: { readonly end: number; readonly question: (left: string) => string }) => {
      ;({ end, question } = about)
      typed = ""
    },
    /** Writes a message above the prompt. */
    write: (message: string) => {
      if (giveWay === undefined) return writeError(message)
      messages.push(message)
      giveWay()
    },
    /** Returns what the user pastes: the lines of one address that another terminal has broken into several. */
    line: Effect.gen(function* () {
      for (;;) {
        const line = yield* lineOrMessage
        if (line !== undefined) return line
      }
    })
  }
}

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
  /** True in CI. Absent: false. */
  readonly unattended?: boolean
  readonly timeout: Duration.Duration
  /** False for `--no-browser`. */
  readonly opensBrowser: boolean
  /** A remedy as text. */
  readonly remedyText: (remedy: Remedy) => string
  /** Breaks the lines of a message for this terminal. */
  readonly messageLines: (lines: ReadonlyArray<string>) => ReadonlyArray<string>
}): Layer.Layer<UserInteraction> =>
  Layer.sync(UserInteraction, () => {
    const attended = isAttended() && options.interactive
    const prompt = makePastePrompt()
    const oneSignIn = Semaphore.makeUnsafe(1)
    return UserInteraction.of({
      present: options.interactive && (options.presence === "always" || attended),
      unattended: options.unattended === true,
      timeout: options.timeout,
      attention: oneSignIn.takeScoped(1),
      askToSignIn: Effect.fn("TerminalUserInteraction.askToSignIn")(function* (server, url, back) {
        const isElsewhere = isBrowserElsewhere(process.platform, process.env)
        prompt.prepare({
          end: (yield* Clock.currentTimeMillis) + Duration.toMillis(options.timeout),
          question: isElsewhere
            ? (left) => `Paste the address (${left}): `
            : (left) =>
                `Waiting for your browser (${left}). If it is on another machine, paste the address it ended at: `
        })
        const { after, before } = signInText(server, back, {
          canPaste: attended,
          opensBrowser: options.opensBrowser,
          isBrowserElsewhere: isElsewhere,
          namesBrowser: (process.env["BROWSER"] ?? "").trim() !== "",
          timeout: countdown(Duration.toMillis(options.timeout)),
          byCode: back.byCode && options.remedyText(back.byCode)
        })
        yield* say(`${options.messageLines(before).join("\n")}\n`)
        yield* Effect.sync(() => writeAddress(url))
        yield* say(options.messageLines(after).join("\n"))
      }),
      askToUseDevice: Effect.fn("TerminalUserInteraction.askToUseDevice")((server, device) =>
        showDevicePrompt(server, device, options.messageLines)
      ),
      pastedRedirect: Effect.fn("TerminalUserInteraction.pastedRedirect")(() =>
        attended ? prompt.line : Effect.never
      ),
      tell: (message, remedies = []) =>
        Effect.sync(() =>
          prompt.write(
            [
              ...options.messageLines([`mcp-cli: ${safeLine(message)}`, ...remedies.map(options.remedyText)]),
              ""
            ].join("\n")
          )
        )
    })
  })
