import type { Key } from "node:readline"
import { Effect, Semaphore } from "effect"
import { leaveLine } from "./Screen.ts"
import { lineInterface, say } from "./Terminal.ts"

/** Milliseconds without a key before a question is shown: what was typed before it is no answer. */
const quietTime = 150

/** Milliseconds in which several keys are a text: one that is pasted, or typed for something else. */
const burstTime = 40

const alone = Semaphore.makeUnsafe(1)

/**
 * Opens an editor that reads single keys, and lines. What was typed before is dropped. Ctrl-C interrupts, as everywhere.
 *
 * @param letters the keys that mean something
 */
export const singleKeys = Effect.fnUntraced(function* <Letter extends string>(
  ...letters: ReadonlyArray<Letter>
) {
  // Two at once would both get each key.
  yield* Effect.acquireRelease(alone.take(1), () => alone.release(1), { interruptible: true })
  type Choice = Letter | "end"
  const isLetter = (text: string): text is Letter => letters.some((letter) => letter === text)
  const lines = yield* lineInterface({ terminal: true, historySize: 0 })
  const ofEditor = process.stdin.listeners("keypress").at(-1)
  let isLine = false
  /** Keys that have arrived, what the last one means, and the one after which Enter was pressed, which means nothing itself. */
  let count = 0
  let choice: Choice | undefined
  let entered = 0
  let notify: (() => void) | undefined
  const take = (next: Choice | undefined) => {
    count++
    choice = next
    notify?.()
  }
  const press = (text: string | undefined, key: Key) => {
    if (isLine || (key.ctrl === true && key.name === "c")) return ofEditor?.call(process.stdin, text, key)
    if (key.ctrl === true && key.name === "d") return take("end")
    if (key.name === "return" && choice !== undefined) {
      entered = count++
      return notify?.()
    }
    const letter = text?.toLowerCase() ?? ""
    take(isLetter(letter) ? letter : undefined)
  }
  process.stdin.removeListener("keypress", ofEditor as () => void)
  process.stdin.on("keypress", press)
  yield* Effect.addFinalizer(() => Effect.sync(() => process.stdin.removeListener("keypress", press)))
  lines.once("close", () => take("end"))

  /** Ends when no key has arrived for a while. */
  const quiet = Effect.gen(function* () {
    let before: number
    do {
      before = count
      yield* Effect.sleep(quietTime)
    } while (count !== before)
  })
  const anotherKey = (seen: number) =>
    Effect.callback<void>((resume) => {
      notify = () => resume(Effect.void)
      if (count !== seen) notify()
      return Effect.sync(() => {
        notify = undefined
      })
    })
  /** The next key that means something; `burst`: several keys, which mean nothing. */
  const next = Effect.gen(function* () {
    for (;;) {
      const seen = count
      // Enter alone must not answer with an earlier letter.
      choice = undefined
      yield* anotherKey(seen)
      if (choice === "end") return choice
      yield* Effect.sleep(burstTime)
      const isEntered = count === seen + 2 && entered === seen + 1
      if (count > seen + 1 && !isEntered) {
        yield* quiet
        return "burst" as const
      }
      if (choice !== undefined) return choice
    }
  })
  /** Leaves the question on the screen: what is written next is not in the place of its rows. */
  const close = () => {
    lines.setPrompt("")
    Object.assign(lines, { line: "", cursor: 0, prevRows: 0 })
  }
  const prompt = (text: string) =>
    Effect.sync(() => {
      lines.setPrompt(text)
      lines.prompt()
    })
  yield* quiet
  return {
    /** Asks for one of the keys; `end`: Ctrl-D, or the terminal is gone. */
    askKey: Effect.fnUntraced(function* (question: string) {
      for (;;) {
        yield* prompt(question)
        const key = yield* next
        yield* Effect.sync(() => {
          if (isLetter(key)) lines.write(key)
          leaveLine()
          close()
        })
        if (key !== "burst") return key
        yield* say("Nothing was answered. Press one key.\n")
      }
    }),
    /** Asks for a line; undefined: Ctrl-D, or the terminal is gone. */
    askLine: Effect.fnUntraced(function* (question: string) {
      yield* prompt(question)
      return yield* Effect.callback<string | undefined>((resume) => {
        isLine = true
        const end = (line?: string) => {
          isLine = false
          lines.removeListener("line", end)
          close()
          resume(Effect.succeed(line))
        }
        lines.once("line", end)
        lines.once("close", () => end())
      })
    })
  }
})
