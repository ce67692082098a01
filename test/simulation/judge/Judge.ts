import { approvals } from "./Approvals.ts"
import { bounded } from "./Bounded.ts"
import { deadToken } from "./DeadToken.ts"
import type { Fact, TokenRequest } from "./Facts.ts"
import type { History } from "./History.ts"
import type { Invariant } from "./Invariant.ts"
import { oneRefresh } from "./OneRefresh.ts"
import { proxyAnswers } from "./ProxyAnswers.ts"
import { quietBrowsers } from "./QuietBrowsers.ts"
import { reservedSpace } from "./ReservedSpace.ts"
import { sentTwice } from "./SentTwice.ts"
import { signInLost } from "./SignInLost.ts"
import { wrongRecipient } from "./WrongRecipient.ts"

/** A rule that a run has broken. */
export interface Violation {
  readonly rule: string
  readonly detail: string
}

const invariants: ReadonlyArray<Invariant> = [
  sentTwice,
  signInLost,
  wrongRecipient,
  deadToken,
  bounded,
  approvals,
  oneRefresh,
  reservedSpace,
  quietBrowsers,
  proxyAnswers
]

/** A foreign program has used the token, and what it got is not in the store yet. */
const isUsedByForeign = ({ token }: TokenRequest, { requests, written }: History): boolean =>
  requests.some(
    ({ isForeign, issued, token: used }) =>
      isForeign && used === token && issued !== undefined && !written.has(issued)
  )

const considerRequest = (fact: Fact, request: TokenRequest, history: History): void => {
  const { excuses, written } = history
  const { family, id, issued, outcome, process, processed } = request
  const isGivenUp = outcome !== undefined && outcome !== "answered"
  if (fact._tag === "Copied") excuses.add(family, "copied", `request ${id}`)
  if (issued !== undefined && !written.has(issued) && (isGivenUp || process.isDead)) {
    excuses.add(family, "answer lost", `the answer to request ${id} has no receiver`)
  }
  if (processed === "refused" && isUsedByForeign(request, history)) {
    excuses.add(family, "foreign program", `request ${id}`)
  }
  if (fact._tag === "Processed" && processed === "refused" && isGivenUp) {
    excuses.add(family, "arrived late", `request ${id}`)
  }
}

/** Adds and ends the excuses that follow from a fact alone. */
const consider = (fact: Fact, history: History): void => {
  const { excuses, families } = history
  switch (fact._tag) {
    case "Processed":
    case "Copied":
    case "Ended":
      considerRequest(fact, fact.request, history)
      break
    case "Written": {
      const family = families.ofRefreshToken(fact.token)
      // Written for the first time: a note about a token says nothing about the sign-in.
      const isNew = history.written.get(fact.token) === history.now
      if (!isNew || family?.isRevoked !== false || family.current !== fact.token) break
      if (history.isStoredLate(fact.token, excuses.of(family.name))) history.rescue(family.name)
      if (!history.isUnderWay(family.name) && history.isAfterForeign(family.name, fact.token)) {
        excuses.end(family.name)
      }
      break
    }
    case "WriteFailed":
      if (fact.token === undefined || history.written.has(fact.token)) break
      if (history.lacksReservedSpace(fact)) break
      excuses.add(families.ofRefreshToken(fact.token)?.name, "write failed", fact.token)
      break
    case "Overwritten":
      excuses.add(history.storedFamily(fact.account)?.name, fact.by, fact.account)
      break
    case "Removed":
      if ((history.signingOut.get(fact.account) ?? 0) > 0) {
        excuses.add(history.storedFamily(fact.account)?.name, "signed out", fact.account)
        history.forget(fact.account)
      }
      break
    case "Revoked":
      if ((history.signingOut.get(fact.account) ?? 0) > 0)
        excuses.add(fact.family, "signed out", fact.account)
      break
    case "ClientForgotten":
      for (const family of fact.families) excuses.add(family, "client forgotten", family)
      break
    case "Crashed":
      for (const request of history.requestsOf(fact.process)) {
        const { family, id, issued, outcome } = request
        const isUnwritten = outcome === "answered" && issued !== undefined && !history.written.has(issued)
        if (outcome === undefined || isUnwritten) {
          excuses.add(family, "crashed", `${fact.process.name} with request ${id}`)
        }
      }
      break
    default:
      break
  }
}

/** Watches a run and judges it. It sees what no process can see. */
export class Judge {
  readonly history: History
  readonly violations: Array<Violation> = []
  readonly #trace: (line: string) => void
  readonly #checks: ReadonlyArray<(fact: Fact) => void>

  constructor(history: History, trace: (line: string) => void) {
    this.history = history
    this.#trace = trace
    this.#checks = invariants.map((invariant) =>
      invariant(history, (rule, detail) => this.violate(rule, detail))
    )
  }

  violate(rule: string, detail: string): void {
    if (this.violations.some((known) => known.rule === rule)) return
    this.violations.push({ rule, detail })
    this.#trace(`VIOLATION ${rule}: ${detail}`)
  }

  tell(fact: Fact): void {
    this.history.record(fact)
    for (const check of this.#checks) check(fact)
    consider(fact, this.history)
  }
}
