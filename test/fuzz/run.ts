import { readFile, writeFile } from "node:fs/promises"
import { availableParallelism } from "node:os"
import { performance } from "node:perf_hooks"
import { parseArgs } from "node:util"
import { Worker } from "node:worker_threads"
import { targetOf, targets } from "./Targets.ts"
import type { Done, Share } from "./Worker.ts"

// Feeds what strangers can write to whatever reads it, a million times over. Arguments: `--inputs N` in all, `--seed S`
// (absent: the time of the start), `--target NAME` for one of them only, `--jobs N` threads. What is found wrong is added
// to seeds.json, which `npm test` tries ever after, and the exit code is 1.

const { values } = parseArgs({
  options: {
    inputs: { type: "string", default: "1000000" },
    seed: { type: "string" },
    target: { type: "string" },
    jobs: { type: "string", default: String(Math.min(4, availableParallelism())) }
  }
})
const say = (line: string) => process.stdout.write(`${line}\n`)
const seed = values.seed === undefined ? Math.floor(performance.timeOrigin / 1000) : Number(values.seed)
const chosen = values.target === undefined ? targets : targets.filter(({ name }) => name === values.target)
if (chosen.length === 0) {
  throw new Error(`no target ${values.target}; there are: ${targets.map(({ name }) => name).join(", ")}`)
}

/** Inputs of one share of the work: enough to fill a second or so. */
const shareSize = 2_000
/** Milliseconds after which an input hangs: each takes a few, and some of a few MiB a second. */
const hang = 60_000

interface Failed {
  readonly target: string
  readonly input: unknown
  readonly why: string
}

interface Tally {
  readonly name: string
  readonly outcomes: Map<string, number>
  began: number
  ended: number
  inputs: number
}

const perTarget = Math.ceil(Number(values.inputs) / chosen.length)
const shares: Array<Share> = chosen.flatMap(({ name }) =>
  Array.from({ length: Math.ceil(perTarget / shareSize) }, (_, at) => ({
    target: name,
    seed,
    from: at * shareSize,
    to: Math.min(perTarget, (at + 1) * shareSize)
  }))
)
const tallies = new Map(
  chosen.map(({ name }): [string, Tally] => [
    name,
    { name, outcomes: new Map(), began: Infinity, ended: 0, inputs: 0 }
  ])
)
const failures: Array<Failed> = []

/** Does one share in a thread; a share that hangs or ends its thread is a failure of the input that it was at. */
const doShare = (share: Share, worker: Worker, place: Int32Array): Promise<Done | undefined> =>
  new Promise((resolve) => {
    const fail = (why: string) => {
      const index = Atomics.load(place, 0)
      finish(undefined)
      failures.push({
        target: share.target,
        input: index < 0 ? null : targetOf(share.target)?.input(seed, index),
        why: `${why} (seed ${seed}, input ${index})`
      })
    }
    let seen = -1
    let since = performance.now()
    const watch = setInterval(() => {
      const now = Atomics.load(place, 1)
      if (now !== seen || Atomics.load(place, 0) < 0) {
        seen = now
        since = performance.now()
      } else if (performance.now() - since > hang) fail("it hangs")
    }, 1_000)
    const onError = (error: unknown) => fail(`it ends the thread: ${String(error)}`)
    const finish = (done: Done | undefined) => {
      clearInterval(watch)
      worker.off("message", finish)
      worker.off("error", onError)
      resolve(done)
    }
    worker.on("message", finish)
    worker.on("error", onError)
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    worker.postMessage(share)
  })

const startWorker = () => {
  const place = new Int32Array(new SharedArrayBuffer(8))
  return { place, worker: new Worker(new URL("Worker.ts", import.meta.url), { workerData: place.buffer }) }
}

const job = async () => {
  let { place, worker } = startWorker()
  for (let share = shares.shift(); share !== undefined; share = shares.shift()) {
    const tally = tallies.get(share.target)
    if (tally === undefined) continue
    tally.began = Math.min(tally.began, performance.now())
    const done = await doShare(share, worker, place)
    tally.ended = performance.now()
    if (done === undefined) {
      await worker.terminate()
      ;({ place, worker } = startWorker())
      continue
    }
    tally.inputs += share.to - share.from
    for (const [name, count] of Object.entries(done.outcomes)) {
      tally.outcomes.set(name, (tally.outcomes.get(name) ?? 0) + count)
    }
    for (const { index, input, why } of done.failed) {
      failures.push({ target: share.target, input, why: `${why} (seed ${seed}, input ${index})` })
    }
  }
  await worker.terminate()
}

say(`seed ${seed}, ${perTarget * chosen.length} inputs, ${values.jobs} threads`)
const began = performance.now()
await Promise.all(Array.from({ length: Number(values.jobs) }, job))
let inputs = 0
for (const tally of tallies.values()) {
  inputs += tally.inputs
  const seconds = (tally.ended - tally.began) / 1000
  say(`${tally.name}: ${tally.inputs} inputs, ${Math.round(tally.inputs / seconds)} a second`)
  for (const [name, count] of [...tally.outcomes].toSorted(([, a], [, b]) => b - a)) {
    say(`  ${String(count).padStart(8)}  ${name}`)
  }
}
say(`${inputs} inputs in ${Math.round((performance.now() - began) / 1000)} seconds: ${failures.length} wrong`)

if (failures.length > 0) {
  for (const { input, target, why } of failures) {
    say(`${target}: ${why}\n  ${JSON.stringify(input).slice(0, 2_000)}`)
  }
  const file = new URL("seeds.json", import.meta.url)
  const kept = JSON.parse(await readFile(file, "utf8")) as { failed: Array<unknown> }
  const added = failures.map(({ input, target }) => ({ target, input }))
  await writeFile(file, `${JSON.stringify({ ...kept, failed: [...kept.failed, ...added] }, null, 2)}\n`)
  process.exitCode = 1
}
