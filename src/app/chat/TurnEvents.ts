import { Effect, Queue, Stream } from "effect"
import type { TurnEvent } from "./Chat.ts"

/** Where a turn tells its events. */
export interface TurnReader {
  readonly emit: (event: TurnEvent) => void
  /** Ends when the reader has dealt with all events: what asks the user next comes below them on the screen. */
  readonly allRead: Effect.Effect<void>
}

/** The events of a turn, which runs while they are read. A reader has dealt with events when it pulls the next ones. */
export const turnEvents = <E>(run: (reader: TurnReader) => Effect.Effect<void, E>) =>
  Stream.suspend(() => {
    let unread = 0
    let resumeTurn: (() => void) | undefined
    const allRead = Effect.callback<void>((resume) => {
      if (unread === 0) return resume(Effect.void)
      resumeTurn = () => resume(Effect.void)
    })
    const events = Stream.callback<TurnEvent, E>((queue) => {
      const emit = (event: TurnEvent) => {
        unread++
        Queue.offerUnsafe(queue, event)
      }
      return Effect.andThen(run({ emit, allRead }), Queue.end(queue))
    })
    let pulled = 0
    return Stream.transformPull(events, (pull) =>
      Effect.succeed(
        Effect.suspend(() => {
          unread -= pulled
          pulled = 0
          if (unread === 0) {
            const waiting = resumeTurn
            resumeTurn = undefined
            waiting?.()
          }
          return Effect.map(pull, (next) => {
            pulled = next.length
            return next
          })
        })
      )
    )
  })
