import type { Machine } from "../engine/Machine.ts"
import type { VirtualProcess } from "../engine/VirtualProcess.ts"
import type { Fact } from "./Facts.ts"

/** A proxy, and the server that it is for. */
export interface Proxy {
  readonly process: VirtualProcess
  readonly account: string
  readonly server: string
  readonly mayOpenBrowser: boolean
}

/** A proxy that was elected to open the browser. It reads the clock between the two times. */
export interface Elected extends Proxy {
  readonly readAt: number
  readonly replacedAt: number
  registrations: number
  /** When the browser opened, and when the user refused. Absent: that has not happened. */
  openedAt?: number
  refusedAt?: number
  /** Its client has ended it while the browser waited. */
  isStopped: boolean
  /** The process has recorded how its sign-in ended. */
  isEndRecorded: boolean
}

/** The proxies of a run, and the browsers that they were elected to open. */
export class Elections {
  readonly proxies = new Map<VirtualProcess, Proxy>()
  readonly all: Array<Elected> = []
  readonly #pauses: Array<{ readonly machine: Machine; readonly until: number }> = []
  readonly #readAt = new Map<VirtualProcess, number>()
  readonly #jumps: Array<{ readonly machine: Machine; readonly by: number; readonly at: number }> = []
  readonly #failures: Array<{
    readonly process: VirtualProcess
    readonly account: string
    readonly at: number
  }> = []
  /** Browsers that wait for their users, of all processes. */
  readonly #stopping = new Set<VirtualProcess>()
  readonly #goneAt = new Map<VirtualProcess, number>()
  readonly #open = new Map<VirtualProcess, Array<string>>()
  readonly #closedAt = new Map<string, number>()

  /** The last election of a process. */
  of(process: VirtualProcess): Elected | undefined {
    return this.all.findLast((elected) => elected.process === process)
  }

  /** A process was gone when another one last read the openings. */
  wasGoneFor({ process: reader }: Proxy, process: VirtualProcess): boolean {
    return (this.#goneAt.get(process) ?? Infinity) <= (this.#readAt.get(reader) ?? -Infinity)
  }

  /** The elections for the server of a proxy, among the processes that share a home with it. */
  beside({ account, process }: Proxy): ReadonlyArray<Elected> {
    return this.all.filter((one) => one.account === account && one.process.machine === process.machine)
  }

  /** A clock has jumped forward, or in any direction, since a time. */
  hasJumped(machine: Machine, since: number, isForward: boolean): boolean {
    return this.#jumps.some(
      (jump) => jump.machine === machine && jump.at >= since && (!isForward || jump.by > 0)
    )
  }

  /** A process of a machine was paused at some time since. */
  wasPaused(machine: Machine, since: number): boolean {
    return this.#pauses.some((pause) => pause.machine === machine && pause.until >= since)
  }

  /** An access of the openings for the server of a proxy has failed since a time. */
  hasFailed({ account, process }: Proxy, since: number): boolean {
    return this.#failures.some(
      (failure) =>
        failure.process.machine === process.machine && failure.account === account && failure.at >= since
    )
  }

  /** A user has been asked to sign in to a server since a time. */
  wasAsked(account: string, since: number): boolean {
    if ((this.#closedAt.get(account) ?? -Infinity) >= since) return true
    return [...this.#open].some(([process, accounts]) => !process.isDead && accounts.includes(account))
  }

  #stop(process: VirtualProcess): void {
    const last = this.of(process)
    if (last !== undefined) last.isStopped = true
  }

  #close(process: VirtualProcess, account: string, now: number): void {
    const accounts = this.#open.get(process) ?? []
    const index = accounts.indexOf(account)
    if (index < 0) return
    accounts.splice(index, 1)
    this.#closedAt.set(account, now)
  }

  record(fact: Fact, now: number): void {
    switch (fact._tag) {
      case "ProxyStarted":
        this.proxies.set(fact.process, fact)
        break
      case "ClockJumped":
        this.#jumps.push({ ...fact, at: now })
        break
      case "Paused":
        this.#pauses.push({ machine: fact.process.machine, until: fact.until })
        break
      case "OpeningsRead":
        this.#readAt.set(fact.process, now)
        break
      case "OpeningsFailed": {
        const { process } = fact
        const account = this.proxies.get(process)?.account
        if (account !== undefined) this.#failures.push({ process, account, at: now })
        break
      }
      case "OpeningsReplaced": {
        const proxy = this.proxies.get(fact.process)
        const last = this.of(fact.process)
        if (proxy === undefined) break
        if (fact.isElection) {
          const readAt = this.#readAt.get(fact.process) ?? now
          this.all.push({
            ...proxy,
            readAt,
            replacedAt: now,
            registrations: 0,
            isStopped: false,
            isEndRecorded: false
          })
        } else if (last !== undefined) last.isEndRecorded = true
        break
      }
      case "Registered": {
        const last = this.of(fact.process)
        if (last !== undefined) last.registrations += 1
        break
      }
      case "BrowserOpened": {
        const last = this.of(fact.process)
        if (last !== undefined) last.openedAt ??= now
        this.#open.set(fact.process, [...(this.#open.get(fact.process) ?? []), fact.account])
        break
      }
      case "ProxyStopped":
        this.#stopping.add(fact.process)
        break
      case "BrowserClosed":
        if (this.#stopping.has(fact.process)) this.#stop(fact.process)
        this.#close(fact.process, fact.account, now)
        break
      case "ProxyEnded":
        this.#goneAt.set(fact.process, now)
        break
      case "Crashed":
        this.#goneAt.set(fact.process, now)
        for (const account of this.#open.get(fact.process)?.slice() ?? [])
          this.#close(fact.process, account, now)
        break
      case "Refused": {
        const last = this.of(fact.process)
        if (last !== undefined) last.refusedAt = now
        break
      }
      default:
        break
    }
  }
}
