import type { VirtualProcess } from "../engine/VirtualProcess.ts"
import type { Scenario } from "../Scenario.ts"
import type { AuthorizationServer } from "../world/AuthorizationServer.ts"
import type { Excuses } from "./Excuses.ts"
import type { Call, Fact, TokenRequest } from "./Facts.ts"

/** What has happened so far in a run. */
export class History {
  readonly scenario: Scenario
  readonly authorizationServer: AuthorizationServer
  readonly excuses: Excuses
  readonly requests: Array<TokenRequest> = []
  readonly openCalls = new Set<Call>()
  /** Refresh tokens that have been in the store. */
  readonly written = new Set<string>()
  /** Refresh tokens whose write the store has refused at least once. */
  readonly failedWrites = new Set<string>()
  /** The store has failed: what a process learned may be unknown to the others. */
  hasFailedAccesses = false
  readonly #families = new Map<string, Set<string>>()
  readonly #now: () => number

  constructor(
    scenario: Scenario,
    authorizationServer: AuthorizationServer,
    excuses: Excuses,
    now: () => number
  ) {
    this.scenario = scenario
    this.authorizationServer = authorizationServer
    this.excuses = excuses
    this.#now = now
  }

  get now(): number {
    return this.#now()
  }

  /** Locks are leases, which end while their holder is paused. */
  get hasLeases(): boolean {
    return this.scenario.store === "vault"
  }

  get hasFaults(): boolean {
    return Object.values(this.scenario.faults).some((probability) => probability > 0)
  }

  /** The sign-in whose tokens were stored last for an account. An older one may have been completed later. */
  storedFamily(account: string) {
    const newest = [...(this.#families.get(account) ?? [])].at(-1)
    return newest === undefined ? undefined : this.authorizationServer.family(newest)
  }

  /** The stored sign-in of an account may be lost, or there is none. */
  isExcused(account: string): boolean {
    const family = this.storedFamily(account)
    return family === undefined || this.excuses.has(family.name)
  }

  wasPaused({ pausedBefore, process }: TokenRequest): boolean {
    return process.pausedFor > pausedBefore
  }

  /** The answer of a request is not in the store, for a reason that is no fault of the product. */
  mayBeUnwritten(request: TokenRequest): boolean {
    const { issued, process } = request
    if (issued === undefined || this.written.has(issued)) return false
    return process.isDead || this.failedWrites.has(issued) || (this.hasLeases && this.wasPaused(request))
  }

  requestsOf(process: VirtualProcess): ReadonlyArray<TokenRequest> {
    return this.requests.filter((request) => request.process === process)
  }

  record(fact: Fact): void {
    switch (fact._tag) {
      case "Sent":
        this.requests.push(fact.request)
        break
      case "Written": {
        this.written.add(fact.token)
        const family = this.authorizationServer.familyOf(fact.token)
        const known = this.#families.get(fact.account) ?? new Set()
        if (family !== undefined) this.#families.set(fact.account, known.add(family))
        break
      }
      case "WriteFailed":
        this.hasFailedAccesses = true
        if (fact.token !== undefined) this.failedWrites.add(fact.token)
        break
      case "ReadFailed":
        this.hasFailedAccesses = true
        break
      case "CallBegan":
        this.openCalls.add(fact.call)
        break
      case "CallEnded":
        this.openCalls.delete(fact.call)
        break
      default:
        break
    }
  }
}
