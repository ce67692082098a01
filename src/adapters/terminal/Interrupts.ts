import { Cause, Effect, Option } from "effect"
import { writeError } from "./Screen.ts"

/**
 * What Ctrl-C means. It arrives as a key while an editor is open, and as SIGINT at all other times: also between the end of a
 * line and its effect, between the effect and the next prompt, and while the session closes.
 */
type Phase =
  /** No session: it ends the program. */
  | { readonly _tag: "Program" }
  /** An editor reads a line: it clears the line, and ends the session at the second time. */
  | { readonly _tag: "Reading"; readonly press: () => void }
  /** A line has been read, and its effect has not started. */
  | { readonly _tag: "Read"; isCancelled: boolean }
  | { readonly _tag: "Running"; readonly cancel: () => void }
  /** The effect that was cancelled cleans up. */
  | { readonly _tag: "Cancelling"; isTold: boolean }
  /** The effect has ended: what it should cancel is over. */
  | { readonly _tag: "Between" }
  /** The user has ended the session. */
  | { readonly _tag: "Ended" }

let phase: Phase = { _tag: "Program" }

/** Milliseconds after which the user is told that a cancelled line has not ended yet. */
const noticeDelay = 1000

/** An editor starts to read; `press` is what Ctrl-C does there. */
export const startReading = (press: () => void): void => {
  phase = { _tag: "Reading", press }
}

/** A line has been read. */
export const endReading = (): void => {
  phase = { _tag: "Read", isCancelled: false }
}

/** The session is over. */
export const endSession = (): void => {
  phase = { _tag: "Ended" }
}

/** True if the user has ended the session: the run succeeds, although Ctrl-C may hurry it. */
export const hasSessionEnded = (): boolean => phase._tag === "Ended"

let isService = false
/** What a first signal does in place of interrupting the run. */
let endService: (() => void) | undefined

/**
 * This run serves others until a signal ends it, which is no failure.
 *
 * @param end ends it in order. A second signal interrupts it.
 */
export const serveUntilSignal = (end?: () => void): void => {
  isService = true
  endService = end
}

/** @see serveUntilSignal */
export const endsBySignal = (): boolean => isService

/** Takes a signal. False if it interrupts the run. */
export const takeSignal = (): boolean => {
  const end = endService
  endService = undefined
  end?.()
  return end !== undefined
}

const cancelRunning = (cancel: () => void) => {
  const cancelling: Phase = { _tag: "Cancelling", isTold: false }
  phase = cancelling
  setTimeout(() => {
    if (phase !== cancelling) return
    cancelling.isTold = true
    writeError("mcp-cli: Still cancelling. Press Ctrl-C again to end the session.\n")
  }, noticeDelay).unref()
  cancel()
}

/** Takes a SIGINT. False if it ends the program: a session is lost only once the user was told so. */
export const takeInterrupt = (): boolean => {
  switch (phase._tag) {
    case "Program":
    case "Ended":
      return false
    case "Reading":
      phase.press()
      return true
    case "Read":
      phase.isCancelled = true
      return true
    case "Running":
      cancelRunning(phase.cancel)
      return true
    case "Cancelling":
      return !phase.isTold
    case "Between":
      return true
  }
}

/**
 * Runs the effect of a line until it ends, or until Ctrl-C: none then, once it has cleaned up. None, too, if something else
 * interrupts the effect: the session goes on.
 */
export const cancellable = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Option.Option<A>, E, R> =>
  Effect.raceFirst(
    Effect.asSome(effect).pipe(Effect.catchCauseIf(Cause.hasInterruptsOnly, () => Effect.succeedNone)),
    Effect.callback<Option.Option<never>>((resume) => {
      const cancel = () => resume(Effect.succeedNone)
      if (phase._tag === "Read" && phase.isCancelled) return cancel()
      phase = { _tag: "Running", cancel }
    })
  ).pipe(
    Effect.ensuring(
      Effect.sync(() => {
        phase = { _tag: "Between" }
      })
    )
  )
