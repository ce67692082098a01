import { parentPort } from "node:worker_threads"
import { runScenario } from "./RunScenario.ts"
import { electionOf, type Scenario, scenarioOf } from "./Scenario.ts"
import { add, emptySummary, type Summary } from "./Summary.ts"

/** Seeds for one worker to run. */
export interface Share {
  readonly first: number
  readonly count: number
  readonly changes: Partial<Scenario>
  /** Their scenarios have proxies. */
  readonly isElection?: boolean | undefined
}

// The traces of the product's errors are not looked at, and cost much.
Error.stackTraceLimit = 0

parentPort?.on("message", async ({ changes, count, first, isElection }: Share) => {
  let summary: Summary = emptySummary
  for (let seed = first; seed < first + count; seed++) {
    const election = isElection === true ? electionOf(String(seed)) : {}
    summary = add(summary, await runScenario(scenarioOf(String(seed), { ...election, ...changes })))
  }
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
  parentPort?.postMessage(summary)
})
