import { Redacted } from "effect"
import { ConfiguredRegistration, DynamicRegistration } from "../../src/domain/ClientRegistration.ts"
import { Credential } from "../../src/domain/Credential.ts"
import { TokenSet } from "../../src/domain/TokenSet.ts"
import { storageBackends } from "../../src/ports/StorageBackend.ts"
import { epoch } from "./engine/Epoch.ts"
import { raiseFence } from "./engine/Fence.ts"
import { Machine } from "./engine/Machine.ts"
import { Simulator, Stuck } from "./engine/Simulator.ts"
import { Host, latePause } from "./Host.ts"
import { Excuses } from "./judge/Excuses.ts"
import { History } from "./judge/History.ts"
import { Judge, type Violation } from "./judge/Judge.ts"
import { activityOf, type Fault, type Scenario } from "./Scenario.ts"
import { type Account, accountOf, clientIdOf } from "./world/Account.ts"
import { AuthorizationServer } from "./world/AuthorizationServer.ts"
import { Families } from "./world/Families.ts"
import { runForeignProgram } from "./world/ForeignProgram.ts"
import { KernelLock } from "./world/KernelLock.ts"
import { MovingStore } from "./world/MovingStore.ts"
import { Network } from "./world/Network.ts"
import { firstScope, OAuth } from "./world/OAuth.ts"
import { keyringRecords, wholeRecords } from "./world/Records.ts"
import { RecordStore } from "./world/RecordStore.ts"
import { refreshTokenOf, type Store } from "./world/Store.ts"
import { Vault } from "./world/Vault.ts"
import type { World } from "./world/World.ts"

/** What a run has shown. */
export interface Report {
  readonly scenario: Scenario
  readonly violations: ReadonlyArray<Violation>
  /** The trace. */
  readonly lines: ReadonlyArray<string>
  readonly excuses: ReadonlyArray<string>
  /** How often each kind of fault occurred. */
  readonly faults: ReadonlyMap<Fault, number>
  readonly steps: number
  readonly operations: number
  readonly refreshes: number
  /** Virtual milliseconds. */
  readonly duration: number
}

/** A user has signed in to each account at virtual time 0. */
const signIn = (scenario: Scenario, { authorizationServer, resource }: Account): Credential => {
  const { issuer } = authorizationServer
  const redirectUri = "http://localhost:8080/callback"
  const registration = scenario.isDynamic
    ? new DynamicRegistration({
        clientId: authorizationServer.register(),
        authenticationMethod: "none",
        redirectUri
      })
    : new ConfiguredRegistration({ clientId: clientIdOf(scenario), authenticationMethod: "none" })
  const { accessToken, lifetime, refreshToken, scope } = authorizationServer.signIn({
    resource,
    clientId: registration.clientId,
    scopes: [firstScope]
  })
  return new Credential({
    resource,
    issuer,
    tokenEndpoint: `${issuer}/token`,
    revocationEndpoint: `${issuer}/revoke`,
    resourceParameter: resource,
    registration,
    tokens: new TokenSet({
      accessToken: Redacted.make(accessToken),
      tokenType: "bearer",
      obtainedAt: epoch,
      expiresAt: epoch + lifetime,
      refreshToken: Redacted.make(refreshToken),
      scope
    }),
    grantedScopes: [firstScope],
    requestedScopes: [firstScope],
    generation: 1
  })
}

const storeOf = (world: World, locks: KernelLock): Store => {
  const { faults, store } = world.scenario
  switch (store) {
    case "ideal": {
      const backend = { ...storageBackends.memory, lockScope: "shared" as const }
      return new RecordStore(world, locks, { backend, records: wholeRecords(), reach: "all" })
    }
    case "files": {
      if (faults.move > 0) return new MovingStore(world, locks)
      const backend = storageBackends.encrypted
      return new RecordStore(world, locks, { backend, records: wholeRecords(), reach: "machine" })
    }
    case "keyring": {
      const backend = storageBackends.keychain
      return new RecordStore(world, locks, { backend, records: keyringRecords(), reach: "machine" })
    }
    case "vault":
    case "vault-v1":
      return new Vault(world, locks)
  }
}

/** What runs after the next read of an account. */
interface Ambush {
  readonly account: string
  readonly run: () => void
}

/** Plans what happens to the whole world. */
const disturb = (
  world: World,
  parts: {
    readonly machines: ReadonlyArray<Machine>
    readonly accounts: ReadonlyArray<Account>
    readonly servers: ReadonlyArray<AuthorizationServer>
    readonly locks: KernelLock
    readonly store: Store
    readonly afterRead: Array<Ambush>
  }
): void => {
  const { accounts, locks, machines, servers, store } = parts
  const { count, healAt, scenario, simulator, tell } = world
  const plan = (
    fault: Fault,
    most: number,
    run: (stream: ReturnType<typeof simulator.seed.fork>) => void
  ) => {
    const stream = simulator.seed.fork(`plan of ${fault}`)
    if (!stream.chance(scenario.faults[fault])) return
    const times = stream.integer(1, most)
    for (let index = 0; index < times; index++) {
      simulator.after(stream.integer(0, healAt), () => {
        count(fault)
        run(stream)
      })
    }
  }
  plan("clockJump", 2, (stream) => {
    const machine = stream.pick(machines)
    const by = stream.pick([-1, 1]) * stream.pick([2000, 60_000, 600_000, 3_600_000])
    machine.skew += by
    simulator.trace(machine.name, `CLOCK is ${Math.round(machine.skew / 1000)} seconds ahead`)
    tell({ _tag: "ClockJumped", machine, by })
  })
  plan("sleep", 2, (stream) => {
    const machine = stream.pick(machines)
    const length = Math.min(stream.integer(10_000, 1_200_000), healAt + latePause - simulator.now)
    simulator.trace(machine.name, `SLEEPS for ${Math.round(length / 1000)} seconds`)
    for (const process of simulator.processes) {
      if (process.machine !== machine) continue
      process.pause(length)
      tell({ _tag: "Paused", process, until: process.pausedUntil })
    }
  })
  plan("lockRemoval", 3, () => {
    simulator.trace("world", "LOCK files are removed")
    locks.removeAll()
  })
  plan("foreign", 3, (stream) => {
    const account = stream.pick(accounts)
    const run = () => runForeignProgram(world, stream.pick(machines), store, account)
    // Half of the programs come between the read of a process and what it does with it.
    if (stream.chance(0.5)) run()
    else parts.afterRead.push({ account: account.name, run })
  })
  plan("forgottenClient", 1, (stream) => {
    const server = stream.pick(servers)
    const families = server.forgetClients().map(({ name }) => name)
    simulator.trace("as", `${server.issuer} FORGETS its clients`)
    tell({ _tag: "ClientForgotten", families })
  })
}

/** Runs one scenario to its end. One at a time per thread: it replaces globals. */
export const runScenario = async (
  scenario: Scenario,
  options: { readonly logs?: boolean } = {}
): Promise<Report> => {
  const { drift, faults, preemption, seed } = scenario
  const simulator = new Simulator({ seed, preemption, drift, maxSteps: 500_000, ...options })
  const families = new Families()
  const toTrace = (line: string) => simulator.trace("judge", line)
  const excuses = new Excuses(toTrace, () => simulator.now)
  const history = new History(scenario, families, excuses, () => simulator.now)
  const judge = new Judge(history, toTrace)
  const healAt = activityOf(scenario)
  const counts = new Map<Fault, number>()
  const count = (fault: Fault) => void counts.set(fault, (counts.get(fault) ?? 0) + 1)
  const afterRead: Array<Ambush> = []
  let serial = 0
  const world: World = {
    simulator,
    scenario,
    families,
    healAt,
    tell: (fact) => {
      judge.tell(fact)
      const next = afterRead[0]
      if (fact._tag === "Read" && fact.account === next?.account) {
        afterRead.shift()
        next.run()
      }
    },
    nextId: () => ++serial,
    fails: (stream, fault) => {
      const occurs = simulator.now < healAt && stream.chance(faults[fault])
      if (occurs) count(fault)
      return occurs
    },
    count
  }
  const servers = ["https://as1.test", "https://as2.test"].map(
    (issuer) => new AuthorizationServer(world, issuer)
  )
  const accounts = Array.from({ length: scenario.servers }, (_, index) =>
    accountOf(scenario, index + 1, servers[index % servers.length]!)
  )
  const locks = new KernelLock(world)
  const store = storeOf(world, locks)
  const oauth = new OAuth(world, new Network(world), accounts)
  const host = new Host(world, history, { accounts, oauth, store })
  const plan = simulator.seed.fork("machines")
  const machines = Array.from({ length: scenario.machines }, (_, index) => {
    const skew = plan.integer(-300_000, 300_000)
    if (faults.skew > 0) count("skew")
    return new Machine(`m${index + 1}`, faults.skew > 0 ? skew : 0)
  })
  const lowerFence = raiseFence(simulator)
  try {
    if (scenario.signedIn) {
      for (const account of accounts) store.put(account.key, signIn(scenario, account))
    }
    for (let index = 0; index < scenario.processes; index++) {
      const isAttended = index < scenario.attended
      host.spawn(machines[index % machines.length]!, { isAttended, calls: scenario.calls })
    }
    for (let index = 0; index < (scenario.proxies ?? 0); index++) {
      const mayOpenBrowser = index >= (scenario.browserless ?? 0)
      host.spawnProxy(machines[index % machines.length]!, {
        account: accounts[Math.floor(index / machines.length) % accounts.length]!,
        mayOpenBrowser,
        calls: scenario.calls
      })
    }
    disturb(world, { machines, accounts, servers, locks, store, afterRead })
    await simulator.run()
    const stored = new Map(accounts.map(({ key, name }) => [name, refreshTokenOf(store.peek(key))] as const))
    world.tell({ _tag: "Finished", stored })
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
