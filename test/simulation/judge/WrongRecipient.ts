import type { Invariant } from "./Invariant.ts"

/** (3) No token reaches another resource or issuer than its own. */
export const wrongRecipient: Invariant = (history, violate) => (fact) => {
  if (fact._tag === "Sent" && fact.request.kind === "refresh") {
    const { process, recipient, token } = fact.request
    const family = history.families.ofRefreshToken(token)
    if (family !== undefined && family.issuer !== recipient) {
      violate("wrong recipient", `${process.name} sends ${token} of ${family.issuer} to ${recipient}`)
    }
  }
  if (fact._tag === "Revoked") {
    const family = history.families.named(fact.family)
    if (family !== undefined && family.issuer !== fact.recipient) {
      violate("wrong recipient", `a token of ${family.issuer} is revoked at ${fact.recipient}`)
    }
  }
  if (fact._tag === "CallEnded" && fact.result._tag === "Token") {
    const { accessToken } = fact.result
    const family = history.families.ofAccessToken(accessToken)
    if (family !== undefined && family.resource !== fact.call.resource) {
      violate(
        "wrong recipient",
        `${accessToken} for ${family.resource} is given out for ${fact.call.resource}`
      )
    }
  }
  // A foreign program writes its token without the scopes of it.
  if (fact._tag === "SteppedUp" && history.scenario.faults.foreign === 0) {
    const family = history.families.ofAccessToken(fact.accessToken)
    if (family?.scopes.includes(fact.scope) === false) {
      violate("step-up", `${fact.process.name} steps up to ${fact.accessToken}, which has not ${fact.scope}`)
    }
  }
}
