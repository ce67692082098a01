import { approvals } from "./Approvals.ts"
import { bounded } from "./Bounded.ts"
import type { Fact } from "./Facts.ts"
import type { History } from "./History.ts"
import type { Invariant } from "./Invariant.ts"
import { oneRefresh } from "./OneRefresh.ts"
import { sentTwice } from "./SentTwice.ts"
import { signInLost } from "./SignInLost.ts"

/** A rule that a run has broken. */
export interface Violation {
  readonly rule: string
  readonly detail: string
}

const invariants: ReadonlyArray<Invariant> = [sentTwice, signInLost, bounded, approvals, oneRefresh]

/** Adds the excuses that follow from a fact alone. */
const consider = (fact: Fact, history: History): void => {
  const { excuses } = history
  switch (fact._tag) {
    case "Processed": {
      const { family, id, issued, outcome, process, processed } = fact.request
      if (issued !== undefined && (outcome !== undefined || process.isDead)) {
        excuses.add(family, "answer lost", `the answer to request ${id} has no receiver`)
      }
      if (processed === "refused" && outcome === "no answer") {
        excuses.add(family, "arrived late", `request ${id}`)
      }
      break
    }
    case "Ended": {
      const { family, id, outcome, processed } = fact.request
      if (outcome === "no answer" && processed === "rotated")
        excuses.add(family, "answer lost", `request ${id}`)
      break
    }
    case "WriteFailed":
      if (fact.token === undefined || history.written.has(fact.token)) break
      excuses.add(history.authorizationServer.familyOf(fact.token), "write failed", fact.token)
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
