import type { VirtualProcess } from "../engine/VirtualProcess.ts"
import type { Call } from "./Facts.ts"
import type { Invariant } from "./Invariant.ts"

/** Milliseconds for which a removed lock can let two sign-ins run: a user takes minutes. */
const longestSignIn = 600_000

/** (6) No browser opens for a transient failure, and what a user has approved is never thrown away. */
export const approvals: Invariant = (history, violate) => {
  const approved = new Map<string, { readonly process: VirtualProcess; readonly account: string }>()

  const checkCodes = ({ account, process }: Call, error: string) => {
    if (!/^(StorageError|LockError)/.test(error)) return
    for (const [code, approval] of approved) {
      if (approval.process !== process || approval.account !== account) continue
      if (history.requests.some(({ token }) => token === code)) continue
      violate("approval wasted", `${process.name} does not use ${code}, because of ${error}`)
    }
  }

  const checkTokens = ({ account, process }: Call) => {
    // Another caller may be about to store them.
    if ([...history.openCalls].some((call) => call.process === process && call.account === account)) return
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
    if (fact._tag === "Approved") approved.set(fact.code, fact)
    if (fact._tag === "BrowserOpened" && !fact.isRequested) {
      const family = history.storedFamily(fact.account)
      if (family === undefined || family.isRevoked || history.excuses.has(family.name)) return
      if (history.hasLostLocks(longestSignIn)) return
      // It was stored after the last read: over Vault, users of two machines may sign in at once.
      if (history.hasLeases && history.storedSince(fact.account) > history.readAt(fact.process, fact.account))
        return
      violate("needless browser", `${fact.process.name} opens one while ${family.name} is alive`)
    }
    if (fact._tag === "CallEnded" && fact.result._tag === "Failed") {
      checkCodes(fact.call, fact.result.error)
      checkTokens(fact.call)
    }
  }
}
