import { Effect } from "effect"
import type { ShownCall, TurnEvent } from "../../chat/Chat.ts"

/** The calls of a turn that run. A turn that is interrupted tells nothing more of them. */
export interface RunningCalls {
  /** Takes an event of the turn. */
  readonly note: (event: TurnEvent) => void
  readonly calls: () => ReadonlyArray<ShownCall>
  /** The ends of the calls that an interruption stops. */
  readonly stopped: Effect.Effect<ReadonlyArray<TurnEvent>>
}

/** @see RunningCalls */
export const makeRunningCalls = (): RunningCalls => {
  const running = new Map<string, Extract<TurnEvent, { readonly _tag: "CallStarted" }>>()
  return {
    note: (event) => {
      if (event._tag === "CallStarted") running.set(event.call.id, event)
      if (event._tag === "CallEnded") running.delete(event.call.id)
    },
    calls: () => Array.from(running.values(), ({ call }) => call),
    stopped: Effect.suspend(() =>
      Effect.forEach([...running.values()], ({ call, elapsed }) =>
        Effect.map(elapsed, (duration): TurnEvent => ({
          _tag: "CallEnded",
          call,
          outcome: { _tag: "Interrupted" },
          duration
        }))
      )
    )
  }
}
