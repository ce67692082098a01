import { Seed } from "./engine/Seed.ts"

/** The kinds of faults, and how likely each is: per request, per store access, or per process. */
export interface Faults {
  /** A process ends between any two operations. */
  readonly crash: number
  /** A process stands still for up to two minutes. */
  readonly pause: number
  /** A request never reaches the authorization server. */
  readonly lostRequest: number
  /** A request is processed, but its answer does not come back. */
  readonly lostAnswer: number
  /** The authorization server answers 503, half of the time with `Retry-After`. */
  readonly unavailable: number
  /** The authorization server answers 503 to every request for up to 15 minutes. */
  readonly outage: number
  /** A request or its answer takes up to 20 seconds. */
  readonly slow: number
  /** A store access fails. Half of the failed writes have happened. */
  readonly store: number
  /** The clocks of the machines differ by up to 5 minutes. */
  readonly skew: number
  /** The caller gives up before it has an answer. */
  readonly leave: number
}

/** The name of a kind of fault. */
export type Fault = keyof Faults

/** Which store the processes share. */
export type StoreKind = "ideal" | "vault"

/** All that a run is made of. */
export interface Scenario {
  readonly seed: string
  readonly machines: number
  readonly processes: number
  /** Uses of the MCP server per process. */
  readonly calls: number
  /** Lifetime of access tokens in milliseconds. */
  readonly lifetime: number
  /** How long the refresh token before the current one is accepted, in milliseconds. */
  readonly grace: number
  /** A user has signed in before the run. */
  readonly signedIn: boolean
  /** Processes whose user can approve a sign-in. */
  readonly attended: number
  readonly preemption: number
  readonly drift: number
  readonly store: StoreKind
  /** Milliseconds that replicas of Vault may be behind. */
  readonly replicaLag: number
  readonly faults: Faults
}

/** A scenario in which nothing fails. */
export const noFaults: Faults = {
  crash: 0,
  pause: 0,
  lostRequest: 0,
  lostAnswer: 0,
  unavailable: 0,
  outage: 0,
  slow: 0,
  store: 0,
  skew: 0,
  leave: 0
}

/** The probability of each fault where it occurs at all. */
const likelihood: Faults = {
  crash: 0.3,
  pause: 0.3,
  lostRequest: 0.1,
  lostAnswer: 0.1,
  unavailable: 0.3,
  outage: 0.7,
  slow: 0.2,
  store: 0.1,
  skew: 1,
  leave: 0.2
}

/**
 * The scenario of a seed. Each kind of fault is absent in half of the seeds. Every property has a stream of its own, so that
 * a new property leaves the others of a known seed as they are.
 */
export const scenarioOf = (seed: string, changes: Partial<Scenario> = {}): Scenario => {
  const plan = (name: string) => new Seed(`${seed}/plan/${name}`)
  const faults = Object.fromEntries(
    Object.entries(likelihood).map(([name, probability]) => {
      const random = plan(name)
      const strength = random.next()
      return [name, random.chance(0.5) ? probability * (0.2 + strength) : 0]
    })
  ) as unknown as Faults
  return {
    seed,
    machines: plan("machines").integer(1, 3),
    processes: plan("processes").integer(1, 5),
    calls: plan("calls").integer(2, 8),
    lifetime: plan("lifetime").pick([20_000, 60_000, 600_000, 3_600_000]),
    grace: plan("grace").chance(0.7) ? 0 : 30_000,
    signedIn: plan("signedIn").chance(0.8),
    attended: plan("attended").integer(0, 2),
    preemption: plan("preemption").pick([0, 0.01, 0.05, 0.3]),
    drift: plan("drift").pick([0, 0.01, 0.1]),
    store: "ideal",
    replicaLag: 0,
    faults: plan("calm").chance(0.2) ? noFaults : faults,
    ...changes
  }
}

/** The virtual time in milliseconds for which processes work and faults occur. */
export const activityOf = ({ calls, lifetime }: Scenario): number => calls * Math.max(lifetime, 30_000)
