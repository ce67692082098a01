import { Array as Arr, Cause, Effect, Exit, Stream } from "effect"
import type { TurnEvent } from "./Chat.ts"

/** Where a turn tells its events. */
export interface TurnReader {
  readonly emit: (event: TurnEvent) => void
  /** Ends when the reader has dealt with all events: what asks the user next comes below them on the screen. */
  readonly allRead: Effect.Effect<void>
}

/** Where an event replaces one that is unread: of the progress of a call only the last counts. A server may send it without end. */
const replacedBy = (event: TurnEvent, unread: ReadonlyArray<TurnEvent>): number =>
  event._tag === "CallProgress"
    ? unread.findLastIndex((one) => one._tag === "CallProgress" && one.call.id === event.call.id)
    : -1

/**
 * The events of a turn, which runs while they are read. A reader has dealt with events when it pulls the next ones.
 *
 * A reader that waits goes on within `emit`. A queue would wake it in the next turn of the event loop, after all parts of an
 * answer that have arrived by then.
 */
export const turnEvents = <E>(
  run: (reader: TurnReader) => Effect.Effect<void, E>
): Stream.Stream<TurnEvent, E> =>
  Stream.unwrap(
    Effect.gen(function* () {
      let unread: Array<TurnEvent> = []
      let hasDealt = true
      let end: Exit.Exit<void, E> | undefined
      let resumeReader = () => {}
      const turns = new Set<() => void>()

      const emit = (event: TurnEvent) => {
        const replaced = replacedBy(event, unread)
        if (replaced < 0) unread.push(event)
        else unread[replaced] = event
        hasDealt = false
        resumeReader()
      }
      const allRead = Effect.callback<void>((resume) => {
        if (hasDealt) return resume(Effect.void)
        const go = () => resume(Effect.void)
        turns.add(go)
        return Effect.sync(() => turns.delete(go))
      })
      const next = Effect.callback<Arr.NonEmptyReadonlyArray<TurnEvent>, E | Cause.Done>((resume) => {
        const rest = () => {
          resumeReader = () => {}
        }
        const take = () => {
          const events = unread
          if (!Arr.isArrayNonEmpty(events) && end === undefined) return
          rest()
          unread = []
          if (Arr.isArrayNonEmpty(events)) resume(Effect.succeed(events))
          else resume(end === undefined || Exit.isSuccess(end) ? Cause.done() : Effect.failCause(end.cause))
        }
        if (unread.length === 0) {
          hasDealt = true
          const waiting = [...turns]
          turns.clear()
          for (const go of waiting) go()
        }
        resumeReader = take
        take()
        return Effect.sync(rest)
      })
      yield* run({ emit, allRead }).pipe(
        Effect.onExit((exit) =>
          Effect.sync(() => {
            end = exit
            resumeReader()
          })
        ),
        Effect.forkScoped({ startImmediately: true })
      )
      return Stream.fromPull(Effect.succeed(next))
    })
  )
