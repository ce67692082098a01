import { Duration, Effect, Layer, Semaphore } from "effect"
import type { CredentialKey } from "../../../src/domain/CredentialKey.ts"
import { CredentialLock, LockError, type LockPurpose } from "../../../src/ports/CredentialLock.ts"
import type { Seed } from "../engine/Seed.ts"
import type { VirtualProcess } from "../engine/VirtualProcess.ts"
import type { World } from "./World.ts"

/** How long a lock is waited for, as in `ProcessLock`. */
const timeouts: Readonly<Record<LockPurpose, Duration.Duration>> = {
  refresh: Duration.minutes(1),
  "sign-in": Duration.minutes(6),
  store: Duration.minutes(1)
}

/** The longest time in milliseconds from the end of a lock to the next look of a process that waits for it. */
const polling = 40

/** A place in the queue of a lock. */
interface Ticket {
  isTaken: boolean
}

/** Locks that a kernel frees when their holder ends: what `ProcessLock` promises, without its files. */
export class KernelLock {
  readonly #world: World
  readonly #holders = new Map<string, VirtualProcess>()
  readonly #accounts = new Map<string, string>()
  /** Locks that were removed while their holder goes on, and when. */
  readonly #lost = new Map<VirtualProcess, Map<string, number>>()
  readonly #waiting = new Map<string, Set<() => void>>()

  /** How often the locks were removed: those of later files are others. */
  #removals = 0
  readonly #stream: Seed

  constructor(world: World) {
    this.#world = world
    this.#stream = world.simulator.seed.fork("locks")
  }

  /** As `rm -rf locks`: a process that holds a lock no longer excludes others. */
  removeAll(): void {
    this.#removals++
    for (const [name, process] of this.#holders) {
      const lost = this.#lost.get(process) ?? new Map<string, number>()
      this.#lost.set(process, lost.set(name, this.#world.simulator.now))
      this.#world.tell({ _tag: "LockLost", process, account: this.#accounts.get(name) ?? name })
      this.#free(name)
    }
  }

  /** When the refresh lock was removed under which a process goes on. Absent: it was not. */
  lostAt(process: VirtualProcess, { storageName }: CredentialKey): number | undefined {
    const found = [...(this.#lost.get(process) ?? [])].find(([name]) =>
      name.endsWith(`${storageName} refresh`)
    )
    return found?.[1]
  }

  #free(name: string): void {
    this.#holders.delete(name)
    for (const look of this.#waiting.get(name) ?? []) look()
  }

  /** Takes a lock, once it is free. Ends with true, or with false after a timeout. */
  #acquire(
    process: VirtualProcess,
    name: string,
    timeout: Duration.Duration,
    ticket: Ticket
  ): Effect.Effect<boolean> {
    const { simulator } = this.#world
    return Effect.callback((resume) => {
      const waiting = this.#waiting.get(name) ?? new Set()
      this.#waiting.set(name, waiting)
      let isOver = false
      const end = () => {
        isOver = true
        cancel()
        waiting.delete(look)
      }
      const attempt = () => {
        if (isOver || this.#holders.has(name)) return
        end()
        this.#holders.set(name, process)
        ticket.isTaken = true
        simulator.trace(process.name, `locks ${name}`)
        resume(Effect.succeed(true))
      }
      const look = () => void simulator.after(this.#stream.integer(0, polling), () => process.post(attempt))
      const cancel = simulator.after(Duration.toMillis(timeout), () =>
        process.post(() => {
          if (isOver) return
          end()
          resume(Effect.succeed(false))
        })
      )
      waiting.add(look)
      attempt()
      return Effect.sync(end)
    })
  }

  /** @param reach the processes that share the locks: all of them, or those of one machine */
  layer(process: VirtualProcess, reach: "all" | "machine"): Layer.Layer<CredentialLock> {
    const { simulator } = this.#world
    const holders = this.#holders
    const place = reach === "machine" ? `${process.machine.name} ` : ""
    const nameOf = (key: CredentialKey, purpose: LockPurpose) => `${place}${key.storageName} ${purpose}`
    process.onCrash.push(() => {
      for (const [name, holder] of holders) if (holder === process) this.#free(name)
    })
    return Layer.sync(CredentialLock, () => {
      const mutexes = new Map<string, Semaphore.Semaphore>()
      const mutexOf = (name: string) => {
        const mutex = mutexes.get(name) ?? Semaphore.makeUnsafe(1)
        mutexes.set(name, mutex)
        return mutex
      }
      const service: CredentialLock["Service"] & {
        readonly confirm: (key: CredentialKey, purpose: LockPurpose) => Effect.Effect<void, LockError>
      } = {
        identify: (key, purpose) =>
          holders.get(nameOf(key, purpose)) === process
            ? `${this.#removals}/${nameOf(key, purpose).replaceAll(" ", "/")}`
            : undefined,
        withLock: (key, purpose) => (effect) => {
          const name = nameOf(key, purpose)
          this.#accounts.set(name, key.first.storageName)
          const end = ({ isTaken }: Ticket) =>
            Effect.sync(() => {
              if (!isTaken) return
              simulator.trace(process.name, `unlocks ${name}`)
              this.#lost.get(process)?.delete(name)
              if (holders.get(name) === process) this.#free(name)
            })
          // A lock that is taken is given back, even if its fiber is interrupted before it learns of it.
          const acquire = Effect.acquireRelease(
            Effect.sync((): Ticket => ({ isTaken: false })),
            end
          ).pipe(
            Effect.flatMap((ticket) => this.#acquire(process, name, timeouts[purpose], ticket)),
            Effect.flatMap((isTaken) => (isTaken ? Effect.void : new LockError({ name: key.server })))
          )
          return mutexOf(name).withPermit(Effect.scoped(Effect.andThen(acquire, effect)))
        },
        confirm: (key, purpose) =>
          Effect.suspend(() => {
            if (holders.get(nameOf(key, purpose)) !== process)
              return new LockError({ name: key.server, detail: "its file was removed" })
            this.#world.tell({ _tag: "Confirmed", process, account: key.first.storageName })
            return Effect.void
          })
      }
      return service
    })
  }
}
