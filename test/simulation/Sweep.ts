import { availableParallelism } from "node:os"
import { Worker } from "node:worker_threads"
import { emptySummary, merge, type Summary } from "./Summary.ts"
import type { Share } from "./Worker.ts"

/** Seeds of one share: a second or so of work. */
const shareSize = 50

/** Options of {@link sweep}. */
export interface SweepOptions extends Share {
  /** Worker threads. Absent: one per core. */
  readonly jobs?: number
  /** Ends the sweep early, after the share that it returns true for. */
  readonly isEnough?: (summary: Summary) => boolean
}

const runShare = (worker: Worker, share: Share): Promise<Summary> => {
  const { promise, reject, resolve } = Promise.withResolvers<Summary>()
  worker.on("message", resolve)
  worker.on("error", reject)
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
  worker.postMessage(share)
  return promise.finally(() => worker.off("message", resolve).off("error", reject))
}

/** Runs seeds in worker threads, since a run replaces the globals of its thread. */
export const sweep = async ({
  changes,
  count,
  first,
  isElection,
  isEnough = () => false,
  jobs = availableParallelism()
}: SweepOptions): Promise<Summary> => {
  let next = first
  let total = emptySummary
  const work = async () => {
    const worker = new Worker(new URL("Worker.ts", import.meta.url))
    try {
      while (next < first + count && !isEnough(total)) {
        const size = Math.min(shareSize, first + count - next)
        const share: Share = { first: next, count: size, changes, isElection }
        next += size
        const summary = await runShare(worker, share)
        total = merge(total, summary)
      }
    } finally {
      await worker.terminate()
    }
  }
  await Promise.all(Array.from({ length: jobs }, work))
  return total
}
