import type { TokenRequest } from "./Facts.ts"
import type { Invariant } from "./Invariant.ts"

/** (1) A refresh token is sent twice only if the outcome of the first request is unknown. */
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
        violate(
          "resent while under way",
          `request ${request.id} with ${request.token} arrives after the token was sent again`
        )
      }
    }
  }
}
