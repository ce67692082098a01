import type { Key } from "node:readline"
import { Effect, Layer, Option, Scope } from "effect"
import { type Completion, LineEditor } from "../../ports/LineEditor.ts"
import { historyFile } from "./HistoryFile.ts"
import { cancellable, endReading, endSession, startReading, takeInterrupt } from "./Interrupts.ts"
import { lineKeys, withLineBreaks } from "./LineKeys.ts"
import { leaveLine, markPaste, writeError } from "./Screen.ts"
import { isAttended, lineInterface } from "./Terminal.ts"

type Complete = (line: string) => Effect.Effect<Completion>

/** Lines that have arrived and that no caller has read yet. */
type Waiting = Array<string>

/** Puts `keys` between the terminal and an editor that has just been opened. */
const filterKeys = (
  keysOf: (press: Parameters<typeof lineKeys>[0]["press"]) => ReturnType<typeof lineKeys>
) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const listener = process.stdin.listeners("keypress").at(-1)
      const keys = keysOf((text, key) => {
        // Before the line break, so that nothing is between it and what the line prints.
        if (key.name === "return" || key.name === "enter") markPaste(false)
        listener?.call(process.stdin, text, key)
      })
      process.stdin.removeListener("keypress", listener as () => void)
      process.stdin.on("keypress", keys)
      return keys
    }),
    (keys) => Effect.sync(() => process.stdin.removeListener("keypress", keys))
  )

/** Collects what arrives in one piece with the line before it. It is shown when it is read, as a shell does. */
const makeTypedAhead = (onLine: (typed: string) => void) => {
  let typed = ""
  return {
    rest: () => typed,
    press: (text: string | undefined, key: Key) => {
      if (key.name === "return" || key.name === "enter") {
        onLine(typed)
        typed = ""
      } else if (key.name === "backspace") typed = [...typed].slice(0, -1).join("")
      else if (key.ctrl !== true && key.meta !== true && (text ?? "") >= " ") typed += text
    }
  }
}

/**
 * Reads each line with an editor of its own. Between two lines a sign-in has the terminal for itself, and Ctrl-C interrupts
 * what runs.
 */
const makeTerminalReader = (waiting: Waiting) => {
  const file = historyFile(process.env)
  let history: ReadonlyArray<string> | undefined
  /** Typed before the editor closed, without the end of the line. */
  let unfinished = ""
  return (prompt: string, complete: Complete, isKept: (line: string) => boolean = () => true) =>
    Effect.gen(function* () {
      const server = prompt.replace(/> $/, "")
      const keep = (line: string) => {
        if (isKept(line)) file.add(server, line)
      }
      history ??= file.read(server)
      const context = yield* Effect.context()
      const lines = yield* lineInterface({
        terminal: true,
        history: [...history],
        removeHistoryDuplicates: true,
        completer: (line: string, done: (error: null, result: [Array<string>, string]) => void) => {
          Effect.runForkWith(context)(
            Effect.map(complete(line), ({ found, word }) => {
              // Another TAB, or a key, was faster: what was found belongs to the line before it.
              const isSame = line === lines.line.slice(0, lines.cursor)
              done(null, [isSame ? [...found] : [], word])
            })
          )
        }
      })
      let isClosing = false
      let isRead = false
      const ahead = makeTypedAhead((typed) => {
        keep(typed)
        waiting.push(withLineBreaks(typed))
      })
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          isClosing = true
          unfinished = (isRead ? ahead.rest() : "") + lines.line
          markPaste(false)
        })
      )
      yield* filterKeys((press) =>
        lineKeys({
          lines,
          prompt,
          history: () => history ?? [],
          press: (text, key) =>
            isRead && !(key.ctrl === true && (key.name === "c" || key.name === "d"))
              ? ahead.press(text, key)
              : press(text, key)
        })
      )
      return yield* Effect.callback<Option.Option<string>>((resume) => {
        const end = () => {
          if (!isRead) endSession()
          resume(Effect.succeed(Option.none()))
        }
        lines.on("history", (all) => {
          history = all
        })
        lines.on("line", (typed) => {
          keep(typed)
          isRead = true
          endReading()
          // All that has arrived is taken in before this runs.
          setImmediate(() => resume(Effect.succeed(Option.some(withLineBreaks(typed)))))
        })
        // Ctrl-D: what comes next, such as the prompt of a shell, starts a line.
        lines.on("close", () => {
          if (!isRead && !isClosing) leaveLine()
          end()
        })
        // At a prompt, Ctrl-C clears the line first.
        lines.removeAllListeners("SIGINT")
        lines.on("SIGINT", takeInterrupt)
        let isAsked = false
        startReading(() => {
          lines.write(null, { ctrl: true, name: "e" })
          leaveLine()
          if (lines.line === "" && isAsked) return end()
          isAsked = lines.line === ""
          // The rows of the line stay on the screen.
          Object.assign(lines, { prevRows: 0 })
          lines.write(null, { ctrl: true, name: "u" })
          if (isAsked) writeError("Press Ctrl-C again, or Ctrl-D, to end the session.\n")
          else lines.prompt()
        })
        markPaste(true)
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
      read: Effect.fn("TerminalLineEditor.read")(function* (prompt, complete, isKept) {
        if (!isInteractive) return yield* ofPipe
        const next = waiting.shift()
        if (next === undefined) return yield* ofTerminal(prompt, complete, isKept)
        endReading()
        writeError(`${prompt}${next}\n`)
        return Option.some(next)
      }),
      end: Effect.sync(() => {
        if (isInteractive) endSession()
      })
    })
  })
)
