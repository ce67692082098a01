import { Effect, Layer, Option, Scope } from "effect"
import { LineEditor } from "../../ports/LineEditor.ts"
import { isAttended, lineInterface } from "./Terminal.ts"

/**
 * Reads lines of the terminal, with history and completion, or of a pipe. One editor serves the whole run: an editor for
 * each line would lose the lines that a pipe has sent ahead.
 */
export const layer: Layer.Layer<LineEditor> = Layer.effect(
  LineEditor,
  Effect.gen(function* () {
    const waiting: Array<string> = []
    let ended = false
    let complete: (line: string) => ReadonlyArray<string> = () => []
    let take: ((line: Option.Option<string>) => void) | undefined

    const editor = yield* Effect.cached(
      Effect.map(
        lineInterface({
          terminal: isAttended(),
          completer: (line: string): [Array<string>, string] => [[...complete(line)], line]
        }),
        (lines) => {
          lines.on("line", (line) => {
            if (take === undefined) waiting.push(line)
            else take(Option.some(line))
          })
          lines.on("close", () => {
            ended = true
            take?.(Option.none())
          })
          return lines
        }
      )
    )
    const scope = yield* Effect.scope

    return LineEditor.of({
      isInteractive: isAttended(),
      read: Effect.fn("TerminalLineEditor.read")(function* (prompt, completer) {
        const lines = yield* editor.pipe(Effect.provideService(Scope.Scope, scope))
        const next = waiting.shift()
        if (next !== undefined) return Option.some(next)
        if (ended) return Option.none()
        complete = completer
        return yield* Effect.callback<Option.Option<string>>((resume) => {
          take = (line) => {
            take = undefined
            resume(Effect.succeed(line))
          }
          lines.setPrompt(isAttended() ? prompt : "")
          lines.prompt()
          return Effect.sync(() => {
            take = undefined
          })
        })
      })
    })
  })
)
