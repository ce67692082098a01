import { type Report, runScenario } from "./RunScenario.ts"
import type { Fault, Scenario } from "./Scenario.ts"

/** Variants of the seed that are tried for each simpler scenario: a change of the scenario changes the order of events. */
const variants = 8

/** Simpler scenarios than this one, the simplest first. */
const simpler = (from: Scenario): ReadonlyArray<Scenario> => [
  ...(Object.keys(from.faults) as ReadonlyArray<Fault>)
    .filter((name) => from.faults[name] > 0)
    .map((name) => ({ ...from, faults: { ...from.faults, [name]: 0 } })),
  ...(["processes", "machines", "calls", "proxies"] as const)
    .map((name) => [name, from[name] ?? 0] as const)
    .filter(([, count]) => count > 1)
    .flatMap(([name, count]) => [
      { ...from, [name]: Math.ceil(count / 2) },
      { ...from, [name]: count - 1 }
    ]),
  ...(["attended", "preemption", "drift", "replicaLag", "browserless"] as const)
    .filter((name) => (from[name] ?? 0) > 0)
    .map((name) => ({ ...from, [name]: 0 }))
]

/** Searches for the simplest scenario whose run breaks the same rule. */
export const shrink = async (report: Report): Promise<Report> => {
  const rule = report.violations[0]?.rule
  const [seed] = report.scenario.seed.split("~")
  const findSimpler = async (from: Scenario): Promise<Report | undefined> => {
    for (const scenario of simpler(from)) {
      for (let variant = 0; variant < variants; variant++) {
        const candidate = { ...scenario, seed: variant === 0 ? scenario.seed : `${seed}~${variant}` }
        const found = await runScenario(candidate)
        if (found.violations[0]?.rule === rule) return found
      }
    }
    return undefined
  }
  let best = report
  for (;;) {
    const found = await findSimpler(best.scenario)
    if (found === undefined) return best
    best = found
  }
}
