import type { VirtualProcess } from "../engine/VirtualProcess.ts"
import { faultNames, type Scenario } from "../Scenario.ts"
import type { Families, Family } from "../world/Families.ts"
import { Elections } from "./Elections.ts"
import type { Excuse, Excuses } from "./Excuses.ts"
import type { Call, Confirmation, Fact, TokenRequest } from "./Facts.ts"

type WriteFailed = Extract<Fact, { readonly _tag: "WriteFailed" }>

/** Milliseconds from the confirmation of a lock to the request that it is for. */
const confirmedBefore = 50

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
  /** Accounts that the user signs out of now, and how often. */
  readonly signingOut = new Map<string, number>()
  readonly elections = new Elections()
  readonly #written = new Map<string, Set<string>>()
  readonly #lastWritten = new Map<string, number>()
  readonly #since = new Map<string, number>()
  /** Sign-ins that a client has revoked. */
  readonly revoked = new Set<string>()
  readonly #lostLocks: Array<{
    readonly process: VirtualProcess
    readonly account: string
    readonly at: number
  }> = []
  /** When tokens were stored after all, by sign-in. */
  readonly #rescued = new Map<string, number>()
  readonly #jumps: Array<number> = []
  /** Refresh tokens that were put back into the store, when, and why no client can prevent that. */
  readonly #restored = new Map<string, { readonly at: number; readonly by: Excuse }>()
  readonly #failedReads = new Map<VirtualProcess, number>()
  readonly #failedAccesses = new Map<VirtualProcess, number>()
  readonly #departures: Array<{ readonly call: Call; readonly at: number }> = []
  /** Of each process, when it last confirmed its lock of an account. */
  readonly #confirmed = new Map<VirtualProcess, Map<string, Confirmation>>()
  /** Of each process, when it last read what, by account. */
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

  /** Something fails or disturbs, besides clocks that differ. */
  get hasFaults(): boolean {
    return faultNames.some((fault) => fault !== "skew" && this.scenario.faults[fault] > 0)
  }

  /** The request that a token, of either kind, was issued for. Absent: a sign-in before the run. */
  requestFor(token: string): TokenRequest | undefined {
    return this.requests.findLast(({ accessToken, issued }) => issued === token || accessToken === token)
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

  /** The stored sign-in of an account may be lost, or might have been when a call read it, or there is none. */
  isExcused(account: string, since = this.now): boolean {
    const family = this.storedFamily(account)
    return family === undefined || this.excuses.hasSince(family.name, since)
  }

  /** A request for a sign-in may still arrive at its server. */
  isUnderWay(family: string): boolean {
    return this.requests.some(
      (request) => request.family === family && request.processed === undefined && request.isLost !== true
    )
  }

  /** A token was requested after all programs that ignore the lock had written what they got. */
  isAfterForeign(family: string, token: string): boolean {
    const at = this.requestFor(token)?.at ?? -Infinity
    return this.requests.every(
      ({ family: of, isForeign, issued }) =>
        !isForeign || of !== family || (issued !== undefined && (this.written.get(issued) ?? Infinity) < at)
    )
  }

  wasPaused({ pausedBefore, process }: TokenRequest): boolean {
    return process.pausedFor > pausedBefore
  }

  /**
   * The lock of the sender of a request was removed after it was confirmed, and before its answer was stored. Only a pause
   * may lie between the two.
   */
  wasUnlocked({ account, at, confirmed, issued = "", pausedBefore, process }: TokenRequest): boolean {
    const until = this.written.get(issued) ?? this.now
    const paused = pausedBefore - (confirmed?.pausedFor ?? 0)
    const isRecent = confirmed !== undefined && at - confirmed.at - paused <= confirmedBefore
    return this.hasLostLock(process, account, isRecent ? confirmed.at : at, until)
  }

  /** A lock of an account was removed while a process held it. */
  hasLostLock(process: VirtualProcess, account: string, since: number, until = this.now): boolean {
    return this.#lostLocks.some(
      (lost) =>
        lost.process === process &&
        // Locks have the names of the records, which say less than the accounts.
        (this.scenario.isOneName === true || lost.account === account) &&
        lost.at >= since &&
        lost.at <= until
    )
  }

  /** Any process has lost its lock of an account. */
  hasLostLocks(account: string, since: number): boolean {
    return this.#lostLocks.some((lost) => this.hasLostLock(lost.process, account, since))
  }

  /**
   * A refresh token is stored later than its process has tried: the write had failed, or was left out because the store could
   * not be read before it, or another process had given the sign-in up under a lock of its own.
   */
  isStoredLate(token: string, excuse: Excuse | undefined): boolean {
    const request = this.requestFor(token)
    const wasUnread = request?.endedAt !== undefined && this.couldNotRead(request.process, request.endedAt)
    return wasUnread || excuse === "write failed" || excuse === "lock removed"
  }

  /** Tokens of a sign-in are stored after all. */
  rescue(family: string): void {
    this.#rescued.set(family, this.now)
  }

  /** When tokens of a sign-in were last stored after all. */
  rescuedAt(family: string): number {
    return this.#rescued.get(family) ?? -Infinity
  }

  /** A clock has jumped since a time. */
  hasJumpedSince(time: number): boolean {
    return this.#jumps.some((at) => at >= time)
  }

  /** A process could not read the store since a time. */
  couldNotRead(process: VirtualProcess, since: number): boolean {
    return (this.#failedReads.get(process) ?? -1) >= since
  }

  /**
   * Other processes may not know how a request ended: the store has failed its sender since, or the caller has left, which ends
   * a refresh before that is written.
   */
  mayBeUntold({ account, at, process }: TokenRequest): boolean {
    return (
      process.isDead ||
      (this.#failedAccesses.get(process) ?? -1) >= at ||
      this.#departures.some(
        ({ at: left, call }) => call.process === process && call.account === account && left >= at
      )
    )
  }

  /**
   * The first write of an answer to a refresh has failed because the disk is full. One whose lock was removed is not written
   * before the store could be read, and the space for it is reserved no longer.
   */
  lacksReservedSpace({ isFull, token = "" }: Pick<WriteFailed, "isFull" | "token">): boolean {
    if (isFull !== true || this.written.has(token) || this.failedWrites.has(token)) return false
    const request = this.requests.find(({ issued, kind }) => kind === "refresh" && issued === token)
    if (request === undefined) return false
    return !this.wasUnlocked(request) || !this.couldNotRead(request.process, request.endedAt ?? Infinity)
  }

  /** Why a refresh token is in the store although its answer was stored since. */
  restoredBy(token: string, since: number): Excuse | undefined {
    const restored = this.#restored.get(token)
    return restored !== undefined && restored.at > since ? restored.by : undefined
  }

  /** The store has answered nothing since a process learned the answer of a request, and lost at least one of its requests. */
  isCutOff({ account, endedAt = Infinity, process }: TokenRequest): boolean {
    const answeredAt = this.#looks.get(process)?.get(`Answered ${account}`) ?? -Infinity
    return answeredAt < endedAt && (this.#failedAccesses.get(process) ?? -Infinity) >= endedAt
  }

  /** The answer of a request is not in the store, for a reason that is no fault of the product. */
  mayBeUnwritten(request: TokenRequest): boolean {
    const { issued, process } = request
    if (issued === undefined || this.written.has(issued)) return false
    return (
      process.isDead || this.failedWrites.has(issued) || this.wasPaused(request) || this.isCutOff(request)
    )
  }

  /** When a process last read the record of an account from the store. */
  readAt(process: VirtualProcess, account: string): number {
    return this.#looks.get(process)?.get(`Read ${account}`) ?? -Infinity
  }

  /** When a refresh token was last stored. */
  lastWrittenAt(token: string): number {
    return this.#lastWritten.get(token) ?? -Infinity
  }

  /** When a replica last showed a process an old record of an account. */
  misledAt(process: VirtualProcess, account: string): number {
    return this.#looks.get(process)?.get(`StaleRead ${account}`) ?? -Infinity
  }

  requestsOf(process: VirtualProcess): ReadonlyArray<TokenRequest> {
    return this.requests.filter((request) => request.process === process)
  }

  /** A process has exchanged a code for tokens since a time. */
  hasExchanged(process: VirtualProcess, since: number): boolean {
    return this.requestsOf(process).some(
      ({ at, issued, kind, outcome }) =>
        kind === "exchange" && outcome === "answered" && issued !== undefined && at >= since
    )
  }

  record(fact: Fact): void {
    this.elections.record(fact, this.now)
    switch (fact._tag) {
      case "Sent": {
        const { account, process } = fact.request
        const looks = this.#looks.get(process)
        fact.request.readAt = looks?.get(`Read ${account}`)
        fact.request.confirmed = this.#confirmed.get(process)?.get(account)
        this.requests.push(fact.request)
        break
      }
      case "Overwritten":
        if (fact.token !== undefined) this.#restored.set(fact.token, { at: this.now, by: fact.by })
        break
      case "Answered":
      case "Read":
      case "StaleRead": {
        const looks = this.#looks.get(fact.process) ?? new Map<string, number>()
        this.#looks.set(fact.process, looks.set(`${fact._tag} ${fact.account}`, this.now))
        break
      }
      case "Confirmed": {
        const { account, process } = fact
        const confirmed = this.#confirmed.get(process) ?? new Map<string, Confirmation>()
        const { pausedFor } = process
        this.#confirmed.set(process, confirmed.set(account, { at: this.now, pausedFor }))
        break
      }
      case "Ended":
        fact.request.endedAt = this.now
        break
      case "Written": {
        if (!this.written.has(fact.token)) this.written.set(fact.token, this.now)
        this.#lastWritten.set(fact.token, this.now)
        const family = this.families.ofRefreshToken(fact.token)
        const known = this.#written.get(fact.account) ?? new Set()
        if (family !== undefined && !known.has(family.name)) this.#since.set(fact.account, this.now)
        if (family !== undefined) this.#written.set(fact.account, known.add(family.name))
        break
      }
      case "WriteFailed":
        this.#failedAccesses.set(fact.process, this.now)
        if (fact.token !== undefined && !this.lacksReservedSpace(fact)) this.failedWrites.add(fact.token)
        break
      case "ReadFailed":
        this.#failedAccesses.set(fact.process, this.now)
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
      case "LockLost":
        this.#lostLocks.push({ ...fact, at: this.now })
        break
      case "ClockJumped":
        this.#jumps.push(this.now)
        break
      case "CallBegan":
        this.openCalls.add(fact.call)
        break
      case "CallEnded":
        this.openCalls.delete(fact.call)
        if (fact.result._tag === "Left") this.#departures.push({ call: fact.call, at: this.now })
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
