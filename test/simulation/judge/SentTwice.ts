import type { TokenRequest } from "./Facts.ts"
import type { Invariant } from "./Invariant.ts"

/** Milliseconds that a clock may be read apart. */
const tolerance = 5

/**
 * (1) A refresh token is sent twice only if the outcome of the first request is unknown, and then not before the time of the
 * rule (`TokenPolicy.resend`). So no request arrives after one that was sent later.
 */
export const sentTwice: Invariant = (history, violate) => {
  // A caller that leaves, or a lost lease, ends a refresh between its refusal and the write of that.
  const mayForgetRefusals = () =>
    history.hasLeases || history.scenario.faults.leave > 0 || history.hasFailedAccesses

  const check = (request: TokenRequest, before: TokenRequest) => {
    const what = `${request.process.name} sends ${request.token} (request ${request.id})`
    if (before.outcome === undefined) {
      if (before.process.isDead) return
      if (history.hasLeases && history.wasPaused(before)) {
        history.excuses.add(
          request.family,
          "paused with a lease",
          `${before.process.name} during request ${before.id}`
        )
        return
      }
      violate("sent twice", `${what} while request ${before.id} of ${before.process.name} is open`)
    } else if (before.outcome === "answered" && before.processed === "rotated") {
      if (before.process !== request.process && history.mayBeUnwritten(before)) return
      violate(
        "sent twice",
        `${what} although ${before.process.name} has ${before.issued} for it (request ${before.id})`
      )
    } else if (before.outcome === "answered" && before.processed === "refused") {
      if (mayForgetRefusals() || before.process.isDead) return
      violate("sent twice", `${what} although request ${before.id} was refused for good`)
    } else if (before.resendAt !== undefined && history.now < before.resendAt - tolerance) {
      // Another process learns of it from the store, by the clock of the machine that wrote it.
      const { skew } = history.scenario.faults
      if (before.process !== request.process && (history.hasFailedAccesses || skew > 0)) return
      violate("resent early", `${what} ${Math.round(before.resendAt - history.now)} ms too early`)
    }
  }

  return (fact) => {
    if (fact._tag === "Sent" && fact.request.kind === "refresh") {
      for (const before of history.requests) {
        if (before !== fact.request && before.token === fact.request.token) check(fact.request, before)
      }
    }
    if (fact._tag === "Processed") {
      const { request } = fact
      if (request.processed === "refused" && request.outcome === "no answer" && request.kind === "refresh") {
        const later = history.requests.find(({ id, token }) => token === request.token && id > request.id)
        // The wait is told by the clock of the machine that saw the answer lost.
        const hasOtherClock = later?.process !== request.process && history.scenario.faults.skew > 0
        if (later === undefined || hasOtherClock) return
        violate(
          "resent while under way",
          `request ${request.id} with ${request.token} arrives after request ${later.id}`
        )
      }
    }
  }
}
