import { Seed } from "./engine/Seed.ts"

/** The kinds of faults and disturbances, and how likely each is. */
export interface Faults {
  /** Per process: it ends between any two operations. */
  readonly crash: number
  /** Per process: it stands still for up to two minutes, up to three times. */
  readonly pause: number
  /** Per request: it never reaches the authorization server. */
  readonly lostRequest: number
  /** Per request: it is processed, but its answer does not come back. */
  readonly lostAnswer: number
  /** Per request: a proxy delivers it twice. */
  readonly duplicate: number
  /** Per request: the authorization server answers 503, half of the time with `Retry-After`. */
  readonly unavailable: number
  /** Per run: the authorization server answers 503 to every request for up to 15 minutes. */
  readonly outage: number
  /** Per request: it or its answer takes up to 20 seconds. */
  readonly slow: number
  /** Per access of the store: it fails. Half of the failed writes have happened. */
  readonly store: number
  /** Per access of the store: it takes up to 15 seconds. */
  readonly slowStore: number
  /** Per run: the store is locked or sealed for up to 10 minutes. */
  readonly storeOutage: number
  /** Per run: the clocks of the machines differ by up to 5 minutes. */
  readonly skew: number
  /** Per run: the clock of a machine jumps by up to an hour. */
  readonly clockJump: number
  /** Per run: the lock files are removed while they are held. */
  readonly lockRemoval: number
  /** Per run: a program that ignores the lock refreshes and writes. */
  readonly foreign: number
  /** Per call: the caller gives up before it has an answer. */
  readonly leave: number
  /** Per call: the user signs out. */
  readonly signOut: number
  /** Per call: the user signs in once more. */
  readonly signIn: number
  /** Per call: the MCP server requires another scope. */
  readonly stepUp: number
  /** Per run: the authorization server forgets the clients that it has registered. */
  readonly forgottenClient: number
  /** Per run: all sign-ins move to another store. */
  readonly move: number
  /** Per run: the disk is full for up to 10 minutes. */
  readonly fullDisk: number
  /** Per browser of a proxy: the user refuses. */
  readonly refusal: number
  /** Per browser of a proxy: the user never answers. */
  readonly noApproval: number
  /** Per browser of a proxy: the user approves after up to 8 minutes, which is longer than it waits. */
  readonly lateApproval: number
  /** Per answer that a proxy's client gets: it ends the proxy, and starts another one. */
  readonly restart: number
  /** Per run: a machine with proxies sleeps for up to 20 minutes. */
  readonly sleep: number
}

/** The name of a kind of fault. */
export type Fault = keyof Faults

/** The faults that only proxies and their users have. */
const faultsOfProxies: ReadonlyArray<Fault> = ["refusal", "noApproval", "lateApproval", "restart", "sleep"]

/** The faults with which a store or a server takes long, or fails. */
export const obstacles: ReadonlyArray<Fault> = [
  "lostRequest",
  "lostAnswer",
  "unavailable",
  "outage",
  "slow",
  "store",
  "slowStore",
  "storeOutage",
  "lockRemoval",
  "foreign",
  "fullDisk",
  "forgottenClient"
]

/**
 * Which store the processes share.
 *
 * - `ideal`: it keeps its promises to the processes of every machine, and so does its lock.
 * - `files`, `keyring`: those of one machine. A keyring holds large records in several entries.
 * - `vault`: the real `VaultStore` over a key-value engine of version 2; `vault-v1`: of version 1, on one machine.
 */
export const storeKinds = ["ideal", "files", "keyring", "vault", "vault-v1"] as const
/** One of {@link storeKinds}. */
export type StoreKind = (typeof storeKinds)[number]

/** All that a run is made of. */
export interface Scenario {
  readonly seed: string
  readonly machines: number
  readonly processes: number
  /** MCP servers. Their authorization servers differ, but the third has that of the first. */
  readonly servers: number
  /** Uses of an MCP server per process. */
  readonly calls: number
  /** Lifetime of access tokens in milliseconds. */
  readonly lifetime: number
  /** How long the refresh token before the current one is accepted, in milliseconds. */
  readonly grace: number
  /** What the authorization server does when a used refresh token comes back. */
  readonly reuse: "revoke" | "refuse"
  /** The configurations of all MCP servers give them the same name. */
  readonly isOneName: boolean
  /** The client is registered dynamically. */
  readonly isDynamic: boolean
  /** A user has signed in before the run. */
  readonly signedIn: boolean
  /** Processes whose user can approve a sign-in. */
  readonly attended: number
  /** `TokenPolicy.holdFor` in milliseconds. 0: as long as the process runs. */
  readonly holdFor: number
  readonly preemption: number
  readonly drift: number
  readonly store: StoreKind
  /** Milliseconds that replicas of Vault may be behind. */
  readonly replicaLag: number
  /** Replicas of Vault judge check-and-set by what they have, as OpenBao's standbys do. */
  readonly isStandby: boolean
  readonly faults: Faults
  /** Processes that MCP clients start as proxies (`mcp-cli proxy`), besides `processes`. Absent: none. */
  readonly proxies?: number
  /** Those of them with `--no-browser`. */
  readonly browserless?: number
  /** Milliseconds that a proxy waits for its browser. */
  readonly browserTimeout?: number
}

/** Each fault: the probability that a scenario has it, and how likely it then is. */
const plans: Readonly<Record<Fault, readonly [inScenario: number, likelihood: number]>> = {
  crash: [0.5, 0.3],
  pause: [0.5, 0.3],
  lostRequest: [0.5, 0.1],
  lostAnswer: [0.5, 0.1],
  duplicate: [0.15, 0.05],
  unavailable: [0.5, 0.3],
  outage: [0.4, 0.7],
  slow: [0.5, 0.2],
  store: [0.4, 0.1],
  slowStore: [0.2, 0.05],
  storeOutage: [0.2, 0.7],
  skew: [0.5, 1],
  clockJump: [0.15, 0.9],
  lockRemoval: [0.15, 0.9],
  foreign: [0.15, 0.9],
  leave: [0.4, 0.2],
  signOut: [0.2, 0.1],
  signIn: [0.2, 0.1],
  stepUp: [0.2, 0.1],
  forgottenClient: [0.2, 0.9],
  move: [0.3, 0.9],
  fullDisk: [0.15, 0.7],
  refusal: [0.3, 0.3],
  noApproval: [0.4, 0.4],
  lateApproval: [0.3, 0.3],
  restart: [0.6, 0.5],
  sleep: [0.2, 0.9]
}

/** Every {@link Fault}. */
export const faultNames = Object.keys(plans) as ReadonlyArray<Fault>

const faultsOf = (likelihood: (fault: Fault) => number): Faults =>
  Object.fromEntries(faultNames.map((fault) => [fault, likelihood(fault)])) as unknown as Faults

/** These faults alone, as likely as they can be. */
export const onlyFaults = (names: ReadonlyArray<string>): Faults =>
  faultsOf((fault) => (names.includes(fault) ? plans[fault][1] : 0))

/** Nothing fails, and nothing disturbs. */
export const noFaults: Faults = faultsOf(() => 0)

/** Only what has a meaning for a store: a shared lock needs a shared store, and so on. */
const consistent = (scenario: Scenario): Scenario => {
  const { faults, store } = scenario
  const isShared = store === "ideal" || store === "vault"
  const isVault = store === "vault" || store === "vault-v1"
  return {
    ...scenario,
    machines: isShared ? scenario.machines : 1,
    replicaLag: store === "vault" ? scenario.replicaLag : 0,
    isOneName: scenario.isOneName && !isVault && faults.move === 0,
    faults: {
      ...faults,
      // Nothing tells a program without leases from a storage that loses writes.
      foreign: isVault ? 0 : faults.foreign,
      move: store === "files" ? faults.move : 0,
      forgottenClient: scenario.isDynamic ? faults.forgottenClient : 0,
      fullDisk: isVault ? 0 : faults.fullDisk,
      ...(scenario.proxies === undefined
        ? Object.fromEntries(faultsOfProxies.map((fault) => [fault, 0]))
        : {})
    }
  }
}

/** What the scenario of a seed has besides: proxies that need a sign-in at the same time. */
export const electionOf = (seed: string): Partial<Scenario> => {
  const plan = (name: string) => new Seed(`${seed}/election/${name}`)
  const proxies = plan("proxies").integer(2, 5)
  const processes = plan("processes").integer(0, 2)
  return {
    proxies,
    browserless: plan("browserless").chance(0.2) ? 1 : 0,
    browserTimeout: plan("browserTimeout").pick([300_000, 300_000, 30_000]),
    processes,
    attended: plan("attended").integer(0, processes),
    machines: plan("machines").pick([1, 1, 1, 2]),
    servers: plan("servers").pick([1, 1, 2]),
    calls: plan("calls").integer(2, 5),
    lifetime: plan("lifetime").pick([60_000, 600_000, 3_600_000]),
    signedIn: plan("signedIn").chance(0.3)
  }
}

/**
 * The scenario of a seed. Every property has a stream of its own, so that a new property leaves the others of a known seed
 * as they are.
 */
export const scenarioOf = (seed: string, changes: Partial<Scenario> = {}): Scenario => {
  const plan = (name: string) => new Seed(`${seed}/plan/${name}`)
  const isCalm = plan("calm").chance(0.2)
  const isSmooth = changes.proxies !== undefined && new Seed(`${seed}/election/smooth`).chance(0.5)
  const faults = faultsOf((fault) => {
    if (isSmooth && obstacles.includes(fault)) return 0
    const [inScenario, likelihood] = plans[fault]
    const random = plan(fault)
    const strength = random.next()
    const isCalmHere = isCalm && fault !== "skew"
    return !isCalmHere && random.chance(inScenario) ? likelihood * (0.2 + strength) : 0
  })
  return consistent({
    seed,
    machines: plan("machines").integer(1, 3),
    processes: plan("processes").integer(1, 5),
    servers: plan("servers").pick([1, 1, 1, 2, 3]),
    calls: plan("calls").integer(2, 8),
    lifetime: plan("lifetime").pick([20_000, 60_000, 600_000, 3_600_000]),
    grace: plan("grace").chance(0.7) ? 0 : 30_000,
    reuse: plan("reuse").chance(0.8) ? "revoke" : "refuse",
    isOneName: plan("isOneName").chance(0.3),
    isDynamic: plan("isDynamic").chance(0.3),
    signedIn: plan("signedIn").chance(0.8),
    attended: plan("attended").integer(0, 2),
    holdFor: plan("holdFor").pick([0, 0, 60_000]),
    preemption: plan("preemption").pick([0, 0.01, 0.05, 0.3]),
    drift: plan("drift").pick([0, 0.01, 0.1]),
    store: plan("store").pick(["ideal", "ideal", "files", "keyring"]),
    replicaLag: 0,
    isStandby: false,
    faults,
    ...changes
  })
}

/** The virtual time in milliseconds for which processes work and faults occur. */
export const activityOf = ({ calls, lifetime, proxies }: Scenario): number =>
  proxies === undefined ? calls * Math.max(lifetime, 30_000) : calls * 400_000
