import { Effect, Layer } from "effect"
import type { Opening } from "../../../src/domain/BrowserElection.ts"
import { BrowserOpenings } from "../../../src/ports/BrowserOpenings.ts"
import { StorageError } from "../../../src/ports/CredentialStore.ts"
import { Inaccessible } from "../../../src/ports/StorageFailure.ts"
import type { Machine } from "../engine/Machine.ts"
import type { VirtualProcess } from "../engine/VirtualProcess.ts"
import type { World } from "./World.ts"

/** The first process of a run has this pid. */
const firstPid = 100

/** The openings in the homes of all machines, which their processes share. */
export class Openings {
  readonly #world: World
  readonly #homes = new Map<Machine, Map<string, ReadonlyArray<Opening>>>()

  constructor(world: World) {
    this.#world = world
  }

  #isRunning(pid: number): boolean {
    const process = this.#world.simulator.processes[pid - firstPid]
    return process !== undefined && !process.isDead && !process.hasEnded
  }

  /** Accesses the files after a while. A write that fails may have happened. */
  readonly #accessOf = (process: VirtualProcess) => {
    const { fails, simulator, tell } = this.#world
    const stream = simulator.seed.fork(`openings of ${process.name}`)
    const reason = new Inaccessible({ path: "/simulated", detail: "EIO" })
    const latency = () => (fails(stream, "slowStore") ? stream.integer(500, 15_000) : stream.integer(1, 10))
    return <A>(account: string, what: string, run: () => A) =>
      Effect.callback<A, StorageError>((resume) => {
        const end = (result: Effect.Effect<A, StorageError>) =>
          simulator.after(latency(), () => process.post(() => resume(result)))
        simulator.after(latency(), () => {
          if (process.isDead) return
          const isFailure = fails(stream, "store")
          const happens = !isFailure || stream.chance(0.5)
          const result = happens ? Effect.succeed(run()) : undefined
          simulator.trace(
            process.name,
            `${what}${isFailure ? (happens ? " FAILS (but happened)" : " FAILS") : ""}`
          )
          if (isFailure) tell({ _tag: "OpeningsFailed", process, account })
          end(isFailure || result === undefined ? Effect.fail(new StorageError({ reason })) : result)
        })
      })
  }

  layer(process: VirtualProcess, mayOpen: boolean): Layer.Layer<BrowserOpenings> {
    const { simulator, tell } = this.#world
    const home = this.#homes.get(process.machine) ?? new Map<string, ReadonlyArray<Opening>>()
    this.#homes.set(process.machine, home)
    const pid = firstPid + simulator.processes.indexOf(process)
    let hasRead = false
    const access = this.#accessOf(process)
    return Layer.succeed(
      BrowserOpenings,
      BrowserOpenings.of({
        mayOpen,
        pid,
        isRunning: (pid) => this.#isRunning(pid),
        read: ({ storageName: account }) =>
          access(account, `reads the openings of ${account}`, () => {
            tell({ _tag: "OpeningsRead", process, account })
            hasRead = true
            return home.get(account) ?? []
          }),
        replace: ({ storageName: account }, openings) => {
          const shown = openings.map(({ pid, time }) => `${time % 100_000_000}/${pid}`).join(" ")
          return access(account, `records the openings of ${account}: ${shown}`, () => {
            home.set(account, openings)
            const isElection = hasRead && openings.at(-1)?.pid === pid
            tell({ _tag: "OpeningsReplaced", process, account, openings, isElection })
            hasRead = false
          })
        }
      })
    )
  }
}
