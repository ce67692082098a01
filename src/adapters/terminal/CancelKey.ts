import { Effect, Option } from "effect"

let cancel: (() => void) | undefined
let isNextCancelled = false

/** Whether {@link cancellable} ends its next effect at once: Ctrl-C came after the end of the line, and before its effect. */
export const cancelNext = (isCancelled: boolean): void => {
  isNextCancelled = isCancelled
}

/** Ends what {@link cancellable} runs. False if it runs nothing, or is ending already. */
export const cancelRunning = (): boolean => {
  const current = cancel
  cancel = undefined
  current?.()
  return current !== undefined
}

/** Runs an effect until it ends, or until {@link cancelRunning}: none then, once it has cleaned up. */
export const cancellable = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Option.Option<A>, E, R> =>
  Effect.raceFirst(
    Effect.asSome(effect),
    Effect.callback<Option.Option<never>>((resume) => {
      const own = () => resume(Effect.succeedNone)
      if (isNextCancelled) return own()
      cancel = own
      return Effect.sync(() => {
        if (cancel === own) cancel = undefined
      })
    })
  )
