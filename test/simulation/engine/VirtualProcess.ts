import { Clock, Context, Duration, Effect, type Fiber, Logger, Random, References, Scheduler } from "effect"
import { epoch } from "./Epoch.ts"
import type { Machine } from "./Machine.ts"
import type { Simulator } from "./Simulator.ts"

/** The tasks of one fiber. Effect makes one dispatcher per fiber; the order within it is Effect's own. */
class Dispatcher implements Scheduler.SchedulerDispatcher {
  readonly tasks: Array<{ readonly run: () => void; readonly priority: number }> = []
  readonly #process: VirtualProcess

  constructor(process: VirtualProcess) {
    this.#process = process
  }

  scheduleTask(run: () => void, priority: number): void {
    if (this.#process.isDead) return
    const after = this.tasks.findLastIndex((task) => task.priority <= priority)
    this.tasks.splice(after + 1, 0, { run, priority })
    if (this.tasks.length === 1) this.#process.ready.push(this)
  }

  flush(): void {
    throw new Error("A simulated dispatcher was flushed: something runs a fiber of a process synchronously")
  }
}

const makeScheduler = (simulator: Simulator, process: VirtualProcess): Scheduler.Scheduler => {
  const random = simulator.seed.fork(`preemption of ${process.name}`)
  const { preemption } = simulator.options
  return {
    executionMode: "async",
    makeDispatcher: () => new Dispatcher(process),
    // Asked before operations. A fiber that is resumed from outside (a promise, another process) only becomes ready.
    shouldYield: () => {
      if (simulator.current !== process) return true
      simulator.operations += 1
      if (process.operationsLeft !== undefined && --process.operationsLeft <= 0) process.crash()
      return process.isDead || random.chance(preemption)
    }
  }
}

const makeClock = (simulator: Simulator, process: VirtualProcess): Clock.Clock => {
  const millis = () => Math.floor(epoch + simulator.now + process.machine.skew)
  const nanos = (milliseconds: number) => BigInt(Math.round(milliseconds * 1000)) * 1000n
  const wallNanos = () => nanos(epoch + simulator.now + process.machine.skew)
  return {
    currentTimeMillisUnsafe: millis,
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanosUnsafe: wallNanos,
    currentTimeNanos: Effect.sync(wallNanos),
    monotonicTimeNanosUnsafe: () => nanos(simulator.now),
    monotonicTimeNanos: Effect.sync(() => nanos(simulator.now)),
    sleep: (duration) => process.sleep(Duration.toMillis(duration))
  }
}

/** A virtual process: fibers whose scheduler, clock and randomness belong to the simulator. */
export class VirtualProcess {
  readonly name: string
  readonly machine: Machine
  readonly ready: Array<Dispatcher> = []
  readonly context: Context.Context<never>
  isDead = false
  /** It has ended in order. */
  hasEnded = false
  pausedUntil = 0
  /** Virtual time spent paused so far. */
  pausedFor = 0
  /** Operations until this process crashes. Absent: it does not. */
  operationsLeft: number | undefined
  /** Called when it crashes: what a kernel does. */
  readonly onCrash: Array<() => void> = []
  readonly #simulator: Simulator

  constructor(simulator: Simulator, name: string, machine: Machine) {
    this.#simulator = simulator
    this.name = name
    this.machine = machine
    const random = simulator.seed.fork(`random of ${name}`)
    const log = Logger.make(({ logLevel, message }) => {
      simulator.trace(name, `log ${logLevel}: ${String(message)}`)
    })
    this.context = Context.empty().pipe(
      Context.add(Scheduler.Scheduler, makeScheduler(simulator, this)),
      Context.add(Clock.Clock, makeClock(simulator, this)),
      Context.add(Random.Random, {
        nextDoubleUnsafe: () => random.next(),
        nextIntUnsafe: () => random.integer(Number.MIN_SAFE_INTEGER / 2, Number.MAX_SAFE_INTEGER / 2)
      }),
      Context.add(References.TracerEnabled, false),
      Context.add(Logger.CurrentLoggers, new Set([log])),
      Context.add(References.MinimumLogLevel, simulator.options.logs === true ? "Debug" : "Error")
    )
  }

  get isPaused(): boolean {
    return this.pausedUntil > this.#simulator.now
  }

  sleep(milliseconds: number): Effect.Effect<void> {
    if (milliseconds <= 0) return Effect.yieldNow
    if (!Number.isFinite(milliseconds)) return Effect.never
    return Effect.callback((resume) => {
      const cancel = this.#simulator.after(milliseconds, () => this.post(() => resume(Effect.void)))
      return Effect.sync(cancel)
    })
  }

  /** Runs something in this process: the only way in from outside. */
  post(run: () => void): void {
    new Dispatcher(this).scheduleTask(run, 0)
  }

  /** Starts a fiber in this process. */
  run<A, E>(effect: Effect.Effect<A, E>): Fiber.Fiber<A, E> {
    return Effect.runForkWith(this.context)(effect)
  }

  /** Ends this process at once. No further operation of it runs, and no finalizer. */
  crash(): void {
    if (this.isDead) return
    this.isDead = true
    this.ready.length = 0
    this.#simulator.trace(this.name, "CRASH")
    for (const release of this.onCrash) release()
  }

  /** As SIGSTOP and SIGCONT. Timers that end meanwhile fire afterwards. */
  pause(milliseconds: number): void {
    if (this.isDead) return
    const { now } = this.#simulator
    const until = now + milliseconds
    this.pausedFor += Math.max(0, until - Math.max(this.pausedUntil, now))
    this.pausedUntil = Math.max(this.pausedUntil, until)
    this.#simulator.trace(this.name, `PAUSE for ${Math.round(milliseconds)} ms`)
    // Without an event at its end, nothing may move the time there.
    this.#simulator.after(milliseconds, () => {})
  }
}
