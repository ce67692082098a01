import { Duration, Effect, Layer, Schedule, Semaphore } from "effect"
import { CredentialLock, LockError, type LockPurpose } from "../../../src/ports/CredentialLock.ts"
import type { VirtualProcess } from "../engine/VirtualProcess.ts"
import type { World } from "./World.ts"

/** How long a lock is waited for, as in `ProcessLock`. */
const timeouts: Readonly<Record<LockPurpose, Duration.Duration>> = {
  refresh: Duration.minutes(1),
  "sign-in": Duration.minutes(6),
  store: Duration.minutes(1)
}

class Busy {
  readonly _tag = "Busy"
}

/** Locks that a kernel frees when their holder ends: what `ProcessLock` promises, without its files. */
export class KernelLock {
  readonly #world: World
  readonly #holders = new Map<string, VirtualProcess>()

  constructor(world: World) {
    this.#world = world
  }

  /** @param reach the processes that share the locks: all of them, or those of one machine */
  layer(process: VirtualProcess, reach: "all" | "machine"): Layer.Layer<CredentialLock> {
    const { simulator } = this.#world
    const holders = this.#holders
    const place = reach === "machine" ? `${process.machine.name} ` : ""
    process.onCrash.push(() => {
      for (const [name, holder] of holders) if (holder === process) holders.delete(name)
    })
    return Layer.sync(CredentialLock, () => {
      const mutexes = new Map<string, Semaphore.Semaphore>()
      const mutexOf = (name: string) => {
        const mutex = mutexes.get(name) ?? Semaphore.makeUnsafe(1)
        mutexes.set(name, mutex)
        return mutex
      }
      return CredentialLock.of({
        withLock: (key, purpose) => (effect) => {
          const name = `${place}${key.storageName} ${purpose}`
          const begin = Effect.suspend(() => {
            if (holders.has(name)) return Effect.fail(new Busy())
            holders.set(name, process)
            simulator.trace(process.name, `locks ${purpose}`)
            return Effect.void
          })
          const end = Effect.sync(() => {
            simulator.trace(process.name, `unlocks ${purpose}`)
            holders.delete(name)
          })
          const polling = Schedule.spaced("40 millis").pipe(
            Schedule.jittered,
            Schedule.upTo({ duration: timeouts[purpose] })
          )
          const acquire = Effect.acquireRelease(
            begin.pipe(
              Effect.retry({ schedule: polling, while: ({ _tag }) => _tag === "Busy" }),
              Effect.catchTag("Busy", () => new LockError({ name: key.server }))
            ),
            () => end,
            { interruptible: true }
          )
          return mutexOf(name).withPermit(Effect.scoped(Effect.andThen(acquire, effect)))
        }
      })
    })
  }
}
