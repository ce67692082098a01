import type { VirtualProcess } from "../engine/VirtualProcess.ts"
import type { Call } from "./Facts.ts"
import type { Invariant } from "./Invariant.ts"

/** Milliseconds for which a removed lock can let two sign-ins run: a user takes minutes. */
const longestSignIn = 600_000

/** A browser that waits for its user, or what the user has approved in it. */
interface OpenBrowser {
  readonly process: VirtualProcess
  readonly account: string
  readonly at: number
}

/** (6) No browser opens for a transient failure, and what a user has approved is never thrown away. */
export const approvals: Invariant = (history, violate) => {
  const approved = new Map<string, OpenBrowser>()

  const open: Array<OpenBrowser> = []

  /** Sign-ins to one account exclude each other, on the machines that share the lock. */
  const checkOthers = (browser: OpenBrowser) => {
    const { account, process } = browser
    const other = open.find(
      (one) =>
        one.account === account &&
        !one.process.isDead &&
        (!history.hasLeases || one.process.machine === process.machine)
    )
    open.push(browser)
    if (other === undefined || history.hasLostLocks(account, other.at - longestSignIn)) return
    violate("two browsers", `${process.name} opens one while that of ${other.process.name} is open`)
  }

  const checkNeed = ({ account, process }: OpenBrowser) => {
    const family = history.storedFamily(account)
    if (family === undefined || family.isRevoked || history.excuses.has(family.name)) return
    const readAt = history.readAt(process, account)
    const rescuedAt = history.rescuedAt(family.name)
    // A process stores without the sign-in lock what it could not store before, or what another process has given up.
    if (rescuedAt > readAt) return
    // Over Vault, users of two machines may sign in at once. A removed lock does not exclude another sign-in.
    const isShared = history.hasLeases || history.hasLostLocks(account, history.now - longestSignIn)
    if (isShared && history.storedSince(account) > readAt) return
    violate("needless browser", `${process.name} opens one while ${family.name} is alive`)
  }

  /** Another caller of a process waits for the same account. */
  const isAwaited = ({ account, process }: Pick<Call, "account" | "process">) =>
    [...history.openCalls].some((call) => call.process === process && call.account === account)

  const checkCodes = (call: Call, error: string) => {
    const { account, at, process } = call
    // One caller ends with its own failed read, and the sign-in goes on for the others.
    if (!/^(StorageError|LockError)/.test(error) || isAwaited(call)) return
    for (const [code, approval] of approved) {
      if (approval.process !== process || approval.account !== account) continue
      // That of an earlier call, whose caller has left.
      if (approval.at < at) continue
      if (history.requests.some(({ token }) => token === code)) continue
      violate("approval wasted", `${process.name} does not use ${code}, because of ${error}`)
    }
  }

  const isProxy = (process: VirtualProcess) => history.elections.proxies.has(process)

  const checkTokens = ({ account, process }: Pick<Call, "account" | "process">) => {
    // Another caller may be about to store them. A proxy goes on with its sign-in when it has answered.
    if (isProxy(process) ? open.some((one) => one.process === process) : isAwaited({ account, process }))
      return
    for (const request of history.requestsOf(process)) {
      const { family, issued, kind, outcome } = request
      if (kind !== "exchange" || outcome !== "answered" || issued === undefined) continue
      if (request.account !== account || history.written.has(issued) || history.failedWrites.has(issued))
        continue
      if (family !== undefined && history.excuses.has(family)) continue
      // They are held in memory while the store cannot be locked.
      if (history.couldNotRead(process, request.endedAt ?? 0)) continue
      violate("approval wasted", `${process.name} has thrown ${issued} away, which a user approved`)
    }
  }

  return (fact) => {
    if (fact._tag === "Approved") approved.set(fact.code, { ...fact, at: history.now })
    if (fact._tag === "BrowserOpened") {
      const browser = { process: fact.process, account: fact.account, at: history.now }
      checkOthers(browser)
      if (!fact.isRequested) checkNeed(browser)
    }
    if (fact._tag === "BrowserClosed") {
      const closed = open.findIndex(
        ({ account, process }) => process === fact.process && account === fact.account
      )
      if (closed >= 0) open.splice(closed, 1)
      if (isProxy(fact.process)) checkTokens(fact)
    }
    if (fact._tag === "CallEnded" && fact.result._tag === "Failed") {
      checkCodes(fact.call, fact.result.error)
      checkTokens(fact.call)
    }
  }
}
