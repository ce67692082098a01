import { setImmediate } from "node:timers/promises"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { Effect } from "effect"

/** Collects objects that are no longer referenced: signals of requests reference each other weakly. */
export const collectGarbage = Effect.promise(async () => {
  setFlagsFromString("--expose-gc")
  // A reference that was made in this turn of the event loop is still held.
  await setImmediate()
  runInNewContext("gc")()
})
