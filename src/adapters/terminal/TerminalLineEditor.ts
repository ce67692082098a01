import { Effect, Layer, Option, Scope } from "effect"
import { LineEditor } from "../../ports/LineEditor.ts"
import { cancellable, endReading, endSession, startReading, takeInterrupt } from "./Interrupts.ts"
import { writeError } from "./Screen.ts"
import { isAttended, lineInterface } from "./Terminal.ts"

type Completer = (line: string) => ReadonlyArray<string>

/** Lines that have arrived and that no caller has read yet. */
type Waiting = Array<string>

/**
 * Reads each line with an editor of its own. Between two lines a sign-in has the terminal for itself, and Ctrl-C interrupts
 * what runs.
 */
const makeTerminalReader = (waiting: Waiting) => {
  let history: Array<string> = []
  /** Typed before the editor closed, without the end of the line. */
  let unfinished = ""
  return (prompt: string, complete: Completer) =>
    Effect.gen(function* () {
      const lines = yield* lineInterface({
        terminal: true,
        history: [...history],
        completer: (line: string): [Array<string>, string] => [[...complete(line)], line]
      })
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          unfinished = lines.line
        })
      )
      return yield* Effect.callback<Option.Option<string>>((resume) => {
        let isRead = false
        const end = () => {
          if (!isRead) endSession()
          resume(Effect.succeed(Option.none()))
        }
        lines.on("history", (all) => {
          history = all
        })
        lines.on("line", (line) => {
          if (isRead) waiting.push(line)
          else {
            isRead = true
            endReading()
            // The editor takes in all that has arrived before this runs.
            setImmediate(() => resume(Effect.succeed(Option.some(line))))
          }
        })
        lines.on("close", end)
        // At a prompt, Ctrl-C clears the line first.
        lines.removeAllListeners("SIGINT")
        lines.on("SIGINT", takeInterrupt)
        let isAsked = false
        startReading(() => {
          writeError("\n")
          if (lines.line === "" && isAsked) return end()
          isAsked = lines.line === ""
          if (isAsked) writeError("Press Ctrl-C again, or Ctrl-D, to end the session.\n")
          lines.write(null, { ctrl: true, name: "e" })
          lines.write(null, { ctrl: true, name: "u" })
          lines.prompt()
        })
        lines.setPrompt(prompt)
        lines.prompt()
        if (unfinished !== "") lines.write(unfinished)
      })
    }).pipe(Effect.scoped)
}

/** Reads a pipe with one editor for the whole run: another one would lose the lines that the pipe has sent ahead. */
const makePipeReader = Effect.fnUntraced(function* (waiting: Waiting) {
  const scope = yield* Effect.scope
  let hasEnded = false
  let take: ((line: Option.Option<string>) => void) | undefined
  const editor = yield* Effect.cached(
    Effect.map(lineInterface({ terminal: false }), (lines) => {
      lines.on("line", (line) => {
        if (take === undefined) waiting.push(line)
        else take(Option.some(line))
      })
      lines.on("close", () => {
        hasEnded = true
        take?.(Option.none())
      })
      return lines
    })
  )
  return Effect.gen(function* () {
    yield* Effect.provideService(editor, Scope.Scope, scope)
    const next = waiting.shift()
    if (next !== undefined) return Option.some(next)
    if (hasEnded) return Option.none()
    return yield* Effect.callback<Option.Option<string>>((resume) => {
      take = (line) => {
        take = undefined
        resume(Effect.succeed(line))
      }
      return Effect.sync(() => {
        take = undefined
      })
    })
  })
})

/** Reads lines of the terminal, with history and completion, or of a pipe. */
export const layer: Layer.Layer<LineEditor> = Layer.effect(
  LineEditor,
  Effect.gen(function* () {
    const isInteractive = isAttended()
    const waiting: Waiting = []
    const ofTerminal = makeTerminalReader(waiting)
    const ofPipe = yield* makePipeReader(waiting)
    return LineEditor.of({
      isInteractive,
      cancellable: (effect) => (isInteractive ? cancellable(effect) : Effect.asSome(effect)),
      read: Effect.fn("TerminalLineEditor.read")(function* (prompt, complete) {
        if (!isInteractive) return yield* ofPipe
        const next = waiting.shift()
        if (next === undefined) return yield* ofTerminal(prompt, complete)
        endReading()
        return Option.some(next)
      }),
      end: Effect.sync(() => {
        if (isInteractive) endSession()
      })
    })
  })
)
