import { Duration } from "effect"
import { defaultTokenPolicy } from "../../../src/ports/TokenPolicy.ts"
import type { Invariant } from "./Invariant.ts"

/** Milliseconds that a clock may be read apart. */
const tolerance = 500

/** (7) Where nothing fails, one refresh per expiry, and every token that is returned works. */
export const oneRefresh: Invariant = (history, violate) => (fact) => {
  if (history.hasFaults) return
  if (fact._tag === "Sent" && fact.request.kind === "refresh") {
    const { process, token } = fact.request
    const family = history.families.ofRefreshToken(token)
    if (family === undefined || family.isRevoked) return
    const buffer = Math.min(
      Duration.toMillis(defaultTokenPolicy.refreshBefore),
      history.scenario.lifetime / 2
    )
    const left = family.expiresAt - history.now
    if (left > buffer + tolerance) {
      violate("one refresh per expiry", `${process.name} refreshes with ${Math.round(left)} ms left`)
    }
  }
  if (fact._tag === "TokenRefused") {
    // Over Vault, users of two machines may sign in at once: the later sign-in revokes the other.
    const family = history.families.ofAccessToken(fact.accessToken)
    if (family !== undefined && history.revoked.has(family.name)) return
    violate("tokens work", `${fact.accessToken} of ${fact.process.name} is refused, although nothing failed`)
  }
}
