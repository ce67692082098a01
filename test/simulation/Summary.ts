import type { Report } from "./RunScenario.ts"

/** How often each name occurred. */
export type Counts = Readonly<Record<string, number>>

/** A seed whose run broke a rule. */
export interface Failure {
  readonly seed: string
  readonly rule: string
  readonly detail: string
}

/** What many runs have shown. */
export interface Summary {
  readonly seeds: number
  readonly steps: number
  readonly refreshes: number
  /** Virtual milliseconds. */
  readonly duration: number
  readonly faults: Counts
  /** Sign-ins that could be lost without a fault of the product, by the reason. */
  readonly excuses: Counts
  readonly failures: ReadonlyArray<Failure>
}

/** The summary of no run. */
export const emptySummary: Summary = {
  seeds: 0,
  steps: 0,
  refreshes: 0,
  duration: 0,
  faults: {},
  excuses: {},
  failures: []
}

const sum = (one: Counts, other: Iterable<readonly [string, number]>): Counts => {
  const counts: Record<string, number> = { ...one }
  for (const [name, count] of other) counts[name] = (counts[name] ?? 0) + count
  return counts
}

/** Adds one run. */
export const add = (summary: Summary, report: Report): Summary => ({
  seeds: summary.seeds + 1,
  steps: summary.steps + report.steps,
  refreshes: summary.refreshes + report.refreshes,
  duration: summary.duration + report.duration,
  faults: sum(summary.faults, report.faults),
  excuses: sum(
    summary.excuses,
    report.excuses.map((excuse) => [excuse, 1] as const)
  ),
  failures: [
    ...summary.failures,
    ...report.violations.slice(0, 1).map((violation) => ({ seed: report.scenario.seed, ...violation }))
  ]
})

/** Adds the runs of two summaries. */
export const merge = (one: Summary, other: Summary): Summary => ({
  seeds: one.seeds + other.seeds,
  steps: one.steps + other.steps,
  refreshes: one.refreshes + other.refreshes,
  duration: one.duration + other.duration,
  faults: sum(one.faults, Object.entries(other.faults)),
  excuses: sum(one.excuses, Object.entries(other.excuses)),
  failures: [...one.failures, ...other.failures]
})
