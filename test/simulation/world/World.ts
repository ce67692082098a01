import type { Seed } from "../engine/Seed.ts"
import type { Simulator } from "../engine/Simulator.ts"
import type { Fact } from "../judge/Facts.ts"
import type { Fault, Scenario } from "../Scenario.ts"
import type { Families } from "./Families.ts"

/** What every part of a simulated world needs. */
export interface World {
  readonly simulator: Simulator
  readonly scenario: Scenario
  readonly families: Families
  /** Tells the judge what happened. */
  readonly tell: (fact: Fact) => void
  /** A number that no other request or call of the run has. */
  readonly nextId: () => number
  /** Virtual time in milliseconds after which nothing fails. */
  readonly healAt: number
  /** Decides whether a fault occurs now, and counts it. */
  readonly fails: (stream: Seed, fault: Fault) => boolean
  /** Counts a fault that occurs. */
  readonly count: (fault: Fault) => void
}

/** A time from which on something fails, and until when. */
export interface Period {
  readonly from: number
  readonly until: number
}

/** The periods of a fault that lasts, by the seed. */
export const periodsOf = (
  { healAt, scenario, simulator }: Pick<World, "healAt" | "scenario" | "simulator">,
  fault: Fault,
  longest: number
): ReadonlyArray<Period> => {
  const plan = simulator.seed.fork(`periods of ${fault}`)
  if (!plan.chance(scenario.faults[fault])) return []
  return Array.from({ length: plan.integer(1, 2) }, () => {
    const from = plan.integer(0, healAt)
    return { from, until: Math.min(healAt, from + plan.integer(10_000, longest)) }
  })
}

/** True during one of the periods. */
export const isDuring = (periods: ReadonlyArray<Period>, now: number): boolean =>
  periods.some(({ from, until }) => from <= now && now < until)
