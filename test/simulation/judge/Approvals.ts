import type { Invariant } from "./Invariant.ts"

/** Milliseconds for which a removed lock can let two sign-ins run: a user takes minutes. */
const longestSignIn = 600_000

/** (6) No browser opens for a transient failure, and what a user has approved is never thrown away. */
export const approvals: Invariant = (history, violate) => (fact) => {
  if (fact._tag === "BrowserOpened" && !fact.isRequested) {
    const family = history.storedFamily(fact.account)
    if (family === undefined || family.isRevoked || history.excuses.has(family.name)) return
    if (history.hasLostLocks(longestSignIn)) return
    violate("needless browser", `${fact.process.name} opens one while ${family.name} is alive`)
  }
  if (fact._tag === "CallEnded" && fact.result._tag === "Failed") {
    for (const { account, family, issued, kind, outcome } of history.requestsOf(fact.call.process)) {
      if (kind !== "exchange" || outcome !== "answered" || issued === undefined) continue
      if (account !== fact.call.account || history.written.has(issued) || history.failedWrites.has(issued))
        continue
      if (family !== undefined && history.excuses.has(family)) continue
      violate("approval wasted", `${fact.call.process.name} has thrown ${issued} away, which a user approved`)
    }
  }
}
