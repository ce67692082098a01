import type { Seed } from "../engine/Seed.ts"
import type { Simulator } from "../engine/Simulator.ts"
import type { Fact } from "../judge/Facts.ts"
import type { Fault, Scenario } from "../Scenario.ts"

/** What every part of a simulated world needs. */
export interface World {
  readonly simulator: Simulator
  readonly scenario: Scenario
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
