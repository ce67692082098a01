import { Clock, Duration, Effect } from "effect"

/** A timer may be late by this much because the process is busy; in milliseconds. */
const tolerance = 100

/** How long input is awaited after the process was paused: a lost packet is sent again within seconds. */
const secondChance = Duration.seconds(5)

/** More late timers than this mean that the process is overloaded, not paused. */
const maxChances = 3

/**
 * Ends when a timeout has passed, and the process ran meanwhile.
 *
 * After a pause (SIGSTOP, a suspended laptop), timers run before sockets are read: an answer that arrived in time would be
 * discarded unread. So a timer that is late is followed by a short one, during which the input is read.
 */
export const timeUp = Effect.fnUntraced(function* (timeout: Duration.Duration) {
  let wait = timeout
  for (let chances = 0; ; chances++) {
    const began = yield* Clock.currentTimeMillis
    yield* Effect.sleep(wait)
    const late = (yield* Clock.currentTimeMillis) - began - Duration.toMillis(wait)
    if (late <= tolerance || chances === maxChances) return
    wait = Duration.min(timeout, secondChance)
  }
})
