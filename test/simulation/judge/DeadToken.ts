import { Duration } from "effect"
import { defaultTokenPolicy } from "../../../src/ports/TokenPolicy.ts"
import type { VirtualProcess } from "../engine/VirtualProcess.ts"
import type { Fact } from "./Facts.ts"
import type { Invariant } from "./Invariant.ts"

const cooldown = Duration.toMillis(defaultTokenPolicy.cooldown)

/** (4) No access token is returned after it was rejected, or, beyond `holdFor`, after the user has signed out. */
export const deadToken: Invariant = (history, violate) => {
  const rejected = new Map<VirtualProcess, { readonly accessToken: string; readonly at: number }>()
  /** When the sign-ins ended, and the process that the user signed out with. */
  const signedOut = new Map<string, { readonly at: number; readonly by: VirtualProcess }>()
  const families = new Map<VirtualProcess, string | undefined>()

  /**
   * A process stores what it got itself, and what was not stored as far as the store has told it. It cannot know that the write
   * has happened, and that the user has signed out of it since.
   */
  const isStoredLater = ({ by, token }: Extract<Fact, { readonly _tag: "Written" }>) =>
    by !== undefined && history.failedWrites.has(token) && history.requestFor(token)?.process === by

  return (fact) => {
    if (fact._tag === "TokenRefused") {
      rejected.set(fact.process, { accessToken: fact.accessToken, at: history.now })
    }
    if (fact._tag === "Overwritten" && fact.token !== undefined) {
      signedOut.delete(history.families.ofRefreshToken(fact.token)?.name ?? "")
    }
    if (fact._tag === "Written" && isStoredLater(fact)) {
      signedOut.delete(history.families.ofRefreshToken(fact.token)?.name ?? "")
    }
    if (fact._tag === "SignOutBegan") families.set(fact.process, history.storedFamily(fact.account)?.name)
    if (fact._tag === "SignOutEnded" && fact.isDone) {
      const family = families.get(fact.process)
      if (family !== undefined) signedOut.set(family, { at: history.now, by: fact.process })
    }
    if (fact._tag !== "CallEnded" || fact.result._tag !== "Token") return
    const { call, result } = fact
    const last = rejected.get(call.process)
    if (last?.accessToken === result.accessToken && last.at < call.at) {
      violate("rejected token", `${call.process.name} returns ${result.accessToken} after its 401`)
    }
    const family = history.families.ofAccessToken(result.accessToken)
    const ended = family && signedOut.get(family.name)
    if (ended === undefined) return
    const { holdFor } = history.scenario
    // A replica that is behind shows the record once more, also to the process that has removed it.
    const misledAt = history.misledAt(call.process, call.account)
    const isLearned = call.process === ended.by && misledAt < ended.at
    const trust = isLearned ? 0 : holdFor === 0 ? Infinity : holdFor
    // While the store fails, memory is trusted for the cooldown after each read.
    const since = Math.max(ended.at, call.at - cooldown)
    if (call.at <= Math.max(ended.at, misledAt) + trust || history.couldNotRead(call.process, since)) return
    violate("signed-out token", `${call.process.name} returns ${result.accessToken} of ${family?.name}`)
  }
}
