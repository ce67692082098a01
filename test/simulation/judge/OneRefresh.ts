import { Duration } from "effect"
import { defaultTokenPolicy } from "../../../src/ports/TokenPolicy.ts"
import type { VirtualProcess } from "../engine/VirtualProcess.ts"
import type { Invariant } from "./Invariant.ts"

/** Milliseconds that a clock may be read apart. */
const tolerance = 500

/** (7) Where nothing fails, one refresh per expiry, and every token that is returned works. Clocks may differ. */
export const oneRefresh: Invariant = (history, violate) => {
  const { lifetime } = history.scenario
  const buffer = Math.min(Duration.toMillis(defaultTokenPolicy.refreshBefore), lifetime / 2)

  /** The processes that got a 401, with the sign-in. */
  const refused = new Set<string>()

  /** What a process makes of tokens, by its own clock and the one that was read when they were obtained. */
  const view = (process: VirtualProcess, token: string, expiresAt: number) => {
    const ahead = (history.requestFor(token)?.process.machine.skew ?? 0) - process.machine.skew
    const left = expiresAt - history.now
    return { left: left + ahead, fromFuture: ahead - (lifetime - left) }
  }

  return (fact) => {
    if (history.hasFaults) return
    if (fact._tag === "Sent" && fact.request.kind === "refresh") {
      const { process, token } = fact.request
      const family = history.families.ofRefreshToken(token)
      if (family === undefined || family.isRevoked || refused.delete(`${process.name} ${family.name}`)) return
      const { fromFuture, left } = view(process, token, family.expiresAt)
      if (left > buffer + tolerance && fromFuture < buffer - tolerance) {
        violate("one refresh per expiry", `${process.name} refreshes with ${Math.round(left)} ms left`)
      }
    }
    if (fact._tag === "TokenRefused") {
      const { accessToken, process } = fact
      // Over Vault, users of two machines may sign in at once: the later sign-in revokes the other.
      const family = history.families.ofAccessToken(accessToken)
      if (family !== undefined && history.revoked.has(family.name)) return
      // To a clock that is behind, the token has not expired yet.
      const { fromFuture, left } = view(process, accessToken, history.families.expiryOf(accessToken))
      if (left > buffer - tolerance && fromFuture < buffer + tolerance) {
        refused.add(`${process.name} ${family?.name}`)
        return
      }
      violate("tokens work", `${accessToken} of ${process.name} is refused, although nothing failed`)
    }
  }
}
