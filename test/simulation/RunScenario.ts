import { Redacted } from "effect"
import { ConfiguredRegistration } from "../../src/domain/ClientRegistration.ts"
import { Credential } from "../../src/domain/Credential.ts"
import { resourceOf } from "../../src/domain/Server.ts"
import { TokenSet } from "../../src/domain/TokenSet.ts"
import { epoch } from "./engine/Epoch.ts"
import { raiseFence } from "./engine/Fence.ts"
import { Machine } from "./engine/Machine.ts"
import { Simulator, Stuck } from "./engine/Simulator.ts"
import { Host, key, server } from "./Host.ts"
import { type Excuse, Excuses } from "./judge/Excuses.ts"
import { History } from "./judge/History.ts"
import { Judge, type Violation } from "./judge/Judge.ts"
import { activityOf, type Fault, type Scenario } from "./Scenario.ts"
import { AuthorizationServer } from "./world/AuthorizationServer.ts"
import { IdealStore } from "./world/IdealStore.ts"
import { KernelLock } from "./world/KernelLock.ts"
import { Network } from "./world/Network.ts"
import { OAuth } from "./world/OAuth.ts"
import type { Store } from "./world/Store.ts"
import { Vault } from "./world/Vault.ts"
import type { World } from "./world/World.ts"

/** What a run has shown. */
export interface Report {
  readonly scenario: Scenario
  readonly violations: ReadonlyArray<Violation>
  /** The trace. */
  readonly lines: ReadonlyArray<string>
  readonly excuses: ReadonlyArray<Excuse>
  /** How often each kind of fault occurred. */
  readonly faults: ReadonlyMap<Fault, number>
  readonly steps: number
  readonly operations: number
  readonly refreshes: number
  /** Virtual milliseconds. */
  readonly duration: number
}

const signIn = (authorizationServer: AuthorizationServer): Credential => {
  const { accessToken, lifetime, refreshToken } = authorizationServer.signIn()
  return new Credential({
    resource: resourceOf(server),
    issuer: authorizationServer.issuer,
    tokenEndpoint: `${authorizationServer.issuer}/token`,
    resourceParameter: resourceOf(server),
    registration: new ConfiguredRegistration({ clientId: "sim", authenticationMethod: "none" }),
    tokens: new TokenSet({
      accessToken: Redacted.make(accessToken),
      tokenType: "bearer",
      obtainedAt: epoch,
      expiresAt: epoch + lifetime,
      refreshToken: Redacted.make(refreshToken)
    }),
    grantedScopes: [],
    requestedScopes: [],
    generation: 1
  })
}

/** Runs one scenario to its end. One at a time per Node process: it replaces globals. */
export const runScenario = async (
  scenario: Scenario,
  options: { readonly logs?: boolean } = {}
): Promise<Report> => {
  const { drift, faults, preemption, seed } = scenario
  const simulator = new Simulator({ seed, preemption, drift, maxSteps: 500_000, ...options })
  const authorizationServer = new AuthorizationServer(simulator, scenario)
  const toTrace = (line: string) => simulator.trace("judge", line)
  const excuses = new Excuses(toTrace)
  const history = new History(scenario, authorizationServer, excuses, () => simulator.now)
  const judge = new Judge(history, toTrace)
  const healAt = activityOf(scenario)
  const counts = new Map<Fault, number>()
  const count = (fault: Fault) => void counts.set(fault, (counts.get(fault) ?? 0) + 1)
  let serial = 0
  const world: World = {
    simulator,
    scenario,
    healAt,
    tell: (fact) => judge.tell(fact),
    nextId: () => ++serial,
    fails: (stream, fault) => {
      const occurs = simulator.now < healAt && stream.chance(faults[fault])
      if (occurs) count(fault)
      return occurs
    },
    count
  }
  const locks = new KernelLock(world)
  const store: Store = scenario.store === "vault" ? new Vault(world, locks) : new IdealStore(world, locks)
  const oauth = new OAuth(world, new Network(world), authorizationServer)
  const host = new Host(world, history, { authorizationServer, oauth, store })
  const plan = simulator.seed.fork("machines")
  const machines = Array.from({ length: scenario.machines }, (_, index) => {
    const skew = plan.integer(-300_000, 300_000)
    if (faults.skew > 0) count("skew")
    return new Machine(`m${index + 1}`, faults.skew > 0 ? skew : 0)
  })
  const lowerFence = raiseFence(simulator)
  try {
    if (scenario.signedIn) {
      const credential = signIn(authorizationServer)
      store.put(key, credential)
      const token = Redacted.value(credential.tokens!.refreshToken!)
      world.tell({ _tag: "Written", account: key.storageName, token })
    }
    for (let index = 0; index < scenario.processes; index++) {
      const isAttended = index < scenario.attended
      host.spawn(machines[index % machines.length]!, { isAttended, calls: scenario.calls })
    }
    await simulator.run()
    world.tell({ _tag: "Finished", stored: new Map([[key.storageName, store.refreshToken(key)]]) })
  } catch (error) {
    if (!(error instanceof Stuck)) throw error
    judge.violate("progress", error.message)
  } finally {
    lowerFence()
  }
  const { lines, now, operations, steps } = simulator
  return {
    scenario,
    violations: judge.violations,
    lines,
    excuses: excuses.all,
    faults: counts,
    steps,
    operations,
    refreshes: history.requests.filter(({ kind }) => kind === "refresh").length,
    duration: now
  }
}
