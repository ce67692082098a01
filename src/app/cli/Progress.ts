import { Clock, Effect } from "effect"
import { tell } from "./Output.ts"
import { Json } from "./Settings.ts"

/** Milliseconds between two lines, and from the first step until the first line: shorter work needs none. */
const interval = 3000

/** Reports long work: one line at most every three seconds, and none for programs. */
export const progressOf = Effect.fnUntraced(function* (verb: string) {
  const isQuiet = yield* Json
  let shownAt: number | undefined
  return Effect.fnUntraced(function* (done: number, total: number) {
    const now = yield* Clock.currentTimeMillis
    shownAt ??= now
    if (isQuiet || now - shownAt < interval) return
    shownAt = now
    yield* tell(`mcp-cli: ${verb} ${done} of ${total} sign-ins`)
  })
})
