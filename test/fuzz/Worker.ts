import { parentPort, workerData } from "node:worker_threads"
import { Effect, Exit } from "effect"
import { targetOf, wrongWith } from "./Targets.ts"

/** What a worker is given to do: a share of one target's inputs. */
export interface Share {
  readonly target: string
  readonly seed: number
  /** The first input and the one after the last. */
  readonly from: number
  readonly to: number
}

/** What a worker tells when its share is done. */
export interface Done {
  readonly outcomes: Readonly<Record<string, number>>
  /** The first inputs that were wrong, as small as they could be made. */
  readonly failed: ReadonlyArray<{ readonly index: number; readonly input: unknown; readonly why: string }>
}

/** Failures of one share that are made small: where everything is wrong, a few say enough. */
const maxFailed = 3

const work = Effect.fnUntraced(function* ({ from, seed, target: name, to }: Share, place: Int32Array) {
  const target = targetOf(name)
  if (target === undefined) return yield* Effect.die(new Error(`no target ${name}`))
  const outcomes: Record<string, number> = {}
  const failed: Array<Done["failed"][number]> = []
  for (let index = from; index < to; index++) {
    // Where the watcher looks: which input, and that it is another one than before.
    Atomics.store(place, 0, index)
    Atomics.add(place, 1, 1)
    const input = target.input(seed, index)
    const exit = yield* Effect.exit(target.check(input))
    const outcome = Exit.isSuccess(exit) ? exit.value : "BROKEN"
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
    const why = wrongWith(exit)
    if (why === undefined || failed.length >= maxFailed) continue
    // Making it small takes longer than a hang may, and is none.
    Atomics.store(place, 0, -1)
    failed.push({ index, input: yield* target.shrink(input), why })
  }
  Atomics.store(place, 0, -1)
  return { outcomes, failed } satisfies Done
})

const place = new Int32Array(workerData as SharedArrayBuffer)
parentPort?.on("message", async (share: Share) => {
  const done = await Effect.runPromise(work(share, place))
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
  parentPort?.postMessage(done)
})
