import type { Invariant } from "./Invariant.ts"

const isLoss = (error: string) => error.startsWith("SignInRequired") || error.endsWith("/InvalidGrant")

/** (2) The only copy of a live refresh token is lost only with the process that held it unwritten. */
export const signInLost: Invariant = (history, violate) => (fact) => {
  if (fact._tag === "CallEnded" && fact.result._tag === "Failed") {
    const { call, result } = fact
    if (history.isExcused(call.account, call.at)) return
    // The call may have read the store before the newest sign-in was in it.
    if (call.familyBefore !== history.storedFamily(call.account)?.name) return
    // A replica may not have it yet, or may not have had it when it was read.
    if (history.now - history.storedSince(call.account) <= history.scenario.replicaLag) return
    const misledAt = history.misledAt(call.process, call.account)
    const { account, process } = call
    if (misledAt >= history.storedSince(account) && misledAt > history.readAt(process, account)) return
    if (isLoss(result.error)) violate("sign-in lost", `${call.process.name} got ${result.error}`)
    else if (call.isAfterFaults) violate("works after healing", `${call.process.name} got ${result.error}`)
  }
  if (fact._tag === "Finished") {
    for (const [account, stored] of fact.stored) {
      const family = history.storedFamily(account)
      if (family === undefined || history.excuses.has(family.name)) continue
      if (family.isRevoked) violate("sign-in lost", `${family.name} is revoked at the end`)
      else if (stored !== family.current) {
        violate("sign-in lost", `the live refresh token is ${family.current}, and ${stored} is stored`)
      }
    }
  }
}
