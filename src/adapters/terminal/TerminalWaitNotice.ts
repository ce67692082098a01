import { Effect, Layer } from "effect"
import { safeLine } from "../../domain/PrintableText.ts"
import { WaitNotice } from "../../ports/WaitNotice.ts"
import { isOnScreen, say } from "./Terminal.ts"

/** Says on stderr what the program waits for, once for each name, if stderr is a terminal. */
export const layer: Layer.Layer<never> = Layer.sync(WaitNotice, () => {
  if (!isOnScreen()) return undefined
  const named = new Set<string>()
  return (name) =>
    Effect.suspend(() => {
      if (named.has(name)) return Effect.void
      named.add(name)
      return say(`Waiting for ${safeLine(name)} to answer. Ctrl-C cancels.\n`)
    })
})
