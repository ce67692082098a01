import { defaultTokenPolicy } from "../../../src/ports/TokenPolicy.ts"
import { Duration } from "effect"
import type { Invariant } from "./Invariant.ts"

/** Milliseconds that a clock may be read apart. */
const tolerance = 500

/** (7) Where nothing fails, one refresh per expiry, and every token that is returned works. */
export const oneRefresh: Invariant = (history, violate) => (fact) => {
  if (history.hasFaults) return
  if (fact._tag === "Sent" && fact.request.kind === "refresh") {
    const { process, token } = fact.request
    const left = history.authorizationServer.left(token)
    const { lifetime } = history.scenario
    const buffer = Math.min(Duration.toMillis(defaultTokenPolicy.refreshBefore), lifetime / 2)
    if (left !== undefined && left > buffer + tolerance) {
      violate("one refresh per expiry", `${process.name} refreshes with ${Math.round(left)} ms left`)
    }
  }
  if (fact._tag === "TokenRefused") {
    violate("tokens work", `${fact.accessToken} of ${fact.process.name} is refused, although nothing failed`)
  }
}
