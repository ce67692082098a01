import type { VirtualProcess } from "../engine/VirtualProcess.ts"
import { faultNames, type Scenario } from "../Scenario.ts"
import type { Families, Family } from "../world/Families.ts"
import type { Excuses } from "./Excuses.ts"
import type { Call, Fact, TokenRequest } from "./Facts.ts"

/** What has happened so far in a run. */
export class History {
  readonly scenario: Scenario
  readonly families: Families
  readonly excuses: Excuses
  readonly requests: Array<TokenRequest> = []
  readonly openCalls = new Set<Call>()
  /** Refresh tokens that have been in the store, and since when. */
  readonly written = new Map<string, number>()
  /** Refresh tokens whose write the store has refused at least once. */
  readonly failedWrites = new Set<string>()
  /** The store has failed: what a process learned may be unknown to the others. */
  hasFailedAccesses = false
  /** Accounts that the user signs out of now, and how often. */
  readonly signingOut = new Map<string, number>()
  readonly #written = new Map<string, Set<string>>()
  readonly #since = new Map<string, number>()
  /** Sign-ins that a client has revoked. */
  readonly revoked = new Set<string>()
  readonly #removals: Array<number> = []
  readonly #jumps: Array<number> = []
  readonly #failedReads = new Map<VirtualProcess, number>()
  /** Of each process, when it last read or confirmed what, by account. */
  readonly #looks = new Map<VirtualProcess, Map<string, number>>()
  readonly #now: () => number

  constructor(scenario: Scenario, families: Families, excuses: Excuses, now: () => number) {
    this.scenario = scenario
    this.families = families
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
    return faultNames.some((fault) => this.scenario.faults[fault] > 0)
  }

  /** The sign-in whose tokens were stored last for an account. An older one may have been completed later. */
  storedFamily(account: string): Family | undefined {
    const newest = [...(this.#written.get(account) ?? [])].at(-1)
    return newest === undefined ? undefined : this.families.named(newest)
  }

  /** When the newest sign-in of an account was first stored. */
  storedSince(account: string): number {
    return this.#since.get(account) ?? -Infinity
  }

  /** The stored sign-in of an account may be lost, or there is none. */
  isExcused(account: string): boolean {
    const family = this.storedFamily(account)
    return family === undefined || this.excuses.has(family.name)
  }

  wasPaused({ pausedBefore, process }: TokenRequest): boolean {
    return process.pausedFor > pausedBefore
  }

  /** The locks were removed after the sender of a request last confirmed its lock, and before its answer was stored. */
  wasUnlocked({ confirmedAt = -Infinity, issued = "" }: TokenRequest): boolean {
    const until = this.written.get(issued) ?? this.now
    return this.#removals.some((time) => time >= confirmedAt && time <= until)
  }

  /** The locks were removed within these milliseconds. */
  hasLostLocks(within: number): boolean {
    return this.#removals.some((time) => time > this.now - within)
  }

  hasJumpedSince(time: number): boolean {
    return this.jumpsSince(time) > 0
  }

  /** How often a clock has jumped since a time. */
  jumpsSince(time: number): number {
    return this.#jumps.filter((at) => at >= time).length
  }

  /** A process could not read the store since a time. */
  couldNotRead(process: VirtualProcess, since: number): boolean {
    return (this.#failedReads.get(process) ?? -1) >= since
  }

  /** The answer of a request is not in the store, for a reason that is no fault of the product. */
  mayBeUnwritten(request: TokenRequest): boolean {
    const { issued, process } = request
    if (issued === undefined || this.written.has(issued)) return false
    return process.isDead || this.failedWrites.has(issued) || this.wasPaused(request)
  }

  /** When a process last read the record of an account from the store. */
  readAt(process: VirtualProcess, account: string): number {
    return this.#looks.get(process)?.get(`Read ${account}`) ?? -Infinity
  }

  requestsOf(process: VirtualProcess): ReadonlyArray<TokenRequest> {
    return this.requests.filter((request) => request.process === process)
  }

  record(fact: Fact): void {
    switch (fact._tag) {
      case "Sent": {
        const { account, process } = fact.request
        const looks = this.#looks.get(process)
        fact.request.readAt = looks?.get(`Read ${account}`)
        fact.request.confirmedAt = looks?.get(`Confirmed ${account}`)
        this.requests.push(fact.request)
        break
      }
      case "Read":
      case "Confirmed": {
        const looks = this.#looks.get(fact.process) ?? new Map<string, number>()
        this.#looks.set(fact.process, looks.set(`${fact._tag} ${fact.account}`, this.now))
        break
      }
      case "Ended":
        fact.request.endedAt = this.now
        break
      case "Written": {
        if (!this.written.has(fact.token)) this.written.set(fact.token, this.now)
        const family = this.families.ofRefreshToken(fact.token)
        const known = this.#written.get(fact.account) ?? new Set()
        if (family !== undefined && !known.has(family.name)) this.#since.set(fact.account, this.now)
        if (family !== undefined) this.#written.set(fact.account, known.add(family.name))
        break
      }
      case "WriteFailed":
        this.hasFailedAccesses = true
        if (fact.token !== undefined) this.failedWrites.add(fact.token)
        break
      case "ReadFailed":
        this.hasFailedAccesses = true
        this.#failedReads.set(fact.process, this.now)
        break
      case "Revoked":
        this.revoked.add(fact.family)
        break
      case "SignOutBegan":
        this.signingOut.set(fact.account, (this.signingOut.get(fact.account) ?? 0) + 1)
        break
      case "SignOutEnded":
        this.signingOut.set(fact.account, (this.signingOut.get(fact.account) ?? 1) - 1)
        break
      case "LocksRemoved":
        this.#removals.push(this.now)
        break
      case "ClockJumped":
        this.#jumps.push(this.now)
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

  /** An account has no sign-in any more. */
  forget(account: string): void {
    this.#written.delete(account)
  }
}
