import { EventQueue, type TimedEvent } from "./EventQueue.ts"
import type { Machine } from "./Machine.ts"
import { Seed } from "./Seed.ts"
import { VirtualProcess } from "./VirtualProcess.ts"

/** How the scheduler behaves, besides the order that the seed chooses. */
export interface SimulatorOptions {
  readonly seed: string
  /** Probability that a fiber yields before an operation. */
  readonly preemption: number
  /** Probability that time moves on although something is ready to run. */
  readonly drift: number
  /** Steps after which a run counts as a livelock. */
  readonly maxSteps: number
  /** Debug logs of the product go into the trace. */
  readonly logs?: boolean
}

/** A run that was ended because it made no progress. */
export class Stuck extends Error {}

/** Rounds in which promises that are settled already continue, before time moves on. */
const promiseRounds = 6
/** An event that is nearer than this, in milliseconds, may come before something that is ready. */
const driftWindow = 50

/** Runs virtual processes in virtual time, in an order that the seed decides. */
export class Simulator {
  readonly seed: Seed
  readonly options: SimulatorOptions
  readonly processes: Array<VirtualProcess> = []
  readonly lines: Array<string> = []
  /** Virtual time in milliseconds. */
  now = 0
  steps = 0
  operations = 0
  /** The process whose task runs. */
  current: VirtualProcess | undefined
  readonly #order: Seed
  readonly #events = new EventQueue()
  #serial = 0

  constructor(options: SimulatorOptions) {
    this.options = options
    this.seed = new Seed(options.seed)
    this.#order = this.seed.fork("order")
  }

  process(name: string, machine: Machine): VirtualProcess {
    const process = new VirtualProcess(this, name, machine)
    this.processes.push(process)
    return process
  }

  trace(subject: string, what: string): void {
    this.lines.push(`${(this.now / 1000).toFixed(3).padStart(9)}  ${subject.padEnd(8)} ${what}`)
  }

  /** Runs something after so many milliseconds, outside every process. Returns what cancels it. */
  after(milliseconds: number, run: () => void): () => void {
    const event: TimedEvent = {
      at: this.now + Math.max(0, milliseconds),
      tie: this.#order.next(),
      serial: this.#serial++,
      run,
      isCancelled: false
    }
    this.#events.push(event)
    return () => {
      event.isCancelled = true
    }
  }

  #step(process: VirtualProcess): void {
    const { ready } = process
    const index = ready.length === 1 ? 0 : this.#order.integer(0, ready.length - 1)
    const dispatcher = ready[index]!
    const task = dispatcher.tasks.shift()!
    if (dispatcher.tasks.length === 0) ready.splice(index, 1)
    this.steps += 1
    this.current = process
    try {
      task.run()
    } finally {
      this.current = undefined
    }
  }

  #advance(): void {
    const event = this.#events.pop()
    if (event === undefined) return
    this.now = Math.max(this.now, event.at)
    event.run()
  }

  #able(): ReadonlyArray<VirtualProcess> {
    return this.processes.filter((process) => process.ready.length > 0 && !process.isPaused)
  }

  /** Runs until nothing is left to do. Fails with `Stuck` if that takes too many steps. */
  async run(): Promise<void> {
    let stepsBefore = -1
    for (;;) {
      if (this.steps >= this.options.maxSteps) throw new Stuck(`more than ${this.options.maxSteps} steps`)
      const able = this.#able()
      const next = this.#events.first
      if (able.length > 0) {
        const mayDrift = next !== undefined && next.at - this.now < driftWindow
        if (mayDrift && this.#order.chance(this.options.drift)) this.#advance()
        else this.#step(able.length === 1 ? able[0]! : this.#order.pick(able))
        continue
      }
      if (this.steps !== stepsBefore) {
        stepsBefore = this.steps
        for (let round = 0; round < promiseRounds; round++) await Promise.resolve()
        if (this.#able().length > 0) continue
      }
      if (next === undefined) return
      this.#advance()
    }
  }
}
