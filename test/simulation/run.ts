import { availableParallelism } from "node:os"
import { performance } from "node:perf_hooks"
import { parseArgs } from "node:util"
import { type Report, runScenario } from "./RunScenario.ts"
import { electionOf, onlyFaults, type Scenario, scenarioOf, storeKinds } from "./Scenario.ts"
import { shrink } from "./Shrink.ts"
import type { Counts } from "./Summary.ts"
import { sweep } from "./Sweep.ts"

// Runs simulated worlds: `--seeds N` from `--first SEED` on, over the store of each seed or `--store NAME`. The replicas of a
// Vault are up to `--lag MS` behind, and are those of OpenBao with `--standby`. `--election` adds proxies that need a sign-in. Prints the trace of the first seed that breaks a rule, shrunk, and then the exit code is 1. `--faults NAMES` has these alone. `--seed SEED` prints
// the trace of one seed, with `--logs` the product's own log in it, and with `--shrink` of the simplest scenario that fails
// alike. `--until-failure` only says how many seeds it takes until one breaks a rule.

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "2000" },
    first: { type: "string", default: "1" },
    seed: { type: "string" },
    store: { type: "string" },
    lag: { type: "string", default: "0" },
    standby: { type: "boolean", default: false },
    election: { type: "boolean", default: false },
    faults: { type: "string" },
    jobs: { type: "string", default: String(availableParallelism()) },
    logs: { type: "boolean", default: false },
    shrink: { type: "boolean", default: false },
    "until-failure": { type: "boolean", default: false }
  }
})

// The traces of the product's errors are not looked at, and cost much.
Error.stackTraceLimit = 0

const store = storeKinds.find((kind) => kind === values.store)
if (store === undefined && values.store !== undefined) {
  throw new Error(`no store ${values.store}; there are: ${storeKinds.join(", ")}`)
}
const changes = {
  ...(store === undefined ? {} : { store }),
  ...(values.faults === undefined ? {} : { faults: onlyFaults(values.faults.split(",")) }),
  replicaLag: Number(values.lag),
  isStandby: values.standby
}
const isElection = values.election
const scenarioFor = (seed: string): Scenario =>
  scenarioOf(seed, { ...(isElection ? electionOf(seed) : {}), ...changes })
const say = (line: string) => process.stdout.write(`${line}\n`)

const show = (report: Report): void => {
  for (const line of report.lines) say(line)
  say(JSON.stringify(report.scenario))
}

const describe = (counts: Counts): string =>
  Object.entries(counts)
    .toSorted(([, one], [, other]) => other - one)
    .map(([name, count]) => `${name} ${count}`)
    .join(", ")

const runOne = async (seed: string): Promise<void> => {
  const report = await runScenario(scenarioFor(seed), { logs: values.logs })
  show(values.shrink && report.violations.length > 0 ? await shrink(report) : report)
  if (report.violations.length > 0) process.exitCode = 1
}

const runMany = async (): Promise<void> => {
  const began = performance.now()
  const { duration, excuses, failures, faults, refreshes, seeds, steps } = await sweep({
    first: Number(values.first),
    count: Number(values.seeds),
    changes,
    isElection,
    jobs: Number(values.jobs)
  })
  const seconds = (performance.now() - began) / 1000
  const hours = Math.round(duration / 3_600_000)
  say(`${seeds} seeds in ${Math.round(seconds)} seconds, ${Math.round(seeds / seconds)} a second`)
  say(`${steps} steps, ${refreshes} refreshes, ${hours} hours of virtual time`)
  say(`faults: ${describe(faults)}`)
  say(`excuses: ${describe(excuses)}`)
  if (failures.length === 0) {
    say("every rule holds")
    return
  }
  process.exitCode = 1
  for (const [rule, found] of Map.groupBy(failures, (failure) => failure.rule)) {
    const some = found.slice(0, 10).map(({ seed }) => seed)
    say(`${rule}: ${found.length} seeds, such as ${some.join(" ")}`)
  }
  const seed = failures[0]!.seed
  say(`\nseed ${seed}, shrunk:`)
  show(await shrink(await runScenario(scenarioFor(seed))))
}

/** Runs seeds until one breaks a rule, and says how many that took. */
const runUntilFailure = async (): Promise<void> => {
  const first = Number(values.first)
  const { failures, seeds } = await sweep({
    first,
    count: Number(values.seeds),
    changes,
    isElection,
    jobs: Number(values.jobs),
    isEnough: (summary) => summary.failures.length > 0
  })
  const [earliest] = failures.toSorted((one, other) => Number(one.seed) - Number(other.seed))
  if (earliest === undefined) {
    say(`not noticed in ${seeds} seeds`)
    return
  }
  process.exitCode = 1
  say(`noticed after ${Number(earliest.seed) - first + 1} seeds, ${earliest.rule}`)
}

const run = values["until-failure"] ? runUntilFailure : runMany
await (values.seed === undefined ? run() : runOne(values.seed))
