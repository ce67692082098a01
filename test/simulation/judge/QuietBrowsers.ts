import type { Elected } from "./Elections.ts"
import type { Invariant } from "./Invariant.ts"

/** Milliseconds in which the browsers of proxies count, and how many there may be. */
const quietPeriod = 600_000
const maxBrowsers = 2
/** Milliseconds that clocks are rounded by. */
const tolerance = 100
/** Milliseconds for which a removed lock can let two processes decide. */
const longestDecision = 600_000

/**
 * (8) Proxies open one browser in the quiet period, for all processes of a machine. Another one follows only if the process of
 * the first is gone, or its sign-in has succeeded; and none after a refusal. Only who opens it registers a client, and once.
 */
export const quietBrowsers: Invariant = (history, violate) => {
  const { elections } = history

  const hasSucceeded = ({ openedAt = Infinity, process }: Elected): boolean =>
    history.hasExchanged(process, openedAt)

  const isGone = ({ process }: Elected): boolean => process.isDead || process.hasEnded

  /** The refusal is not recorded, because the process of it has crashed, or the record could not be written. */
  const isForgotten = (one: Elected): boolean =>
    (one.process.isDead && !one.isEndRecorded) || elections.hasFailed(one, one.refusedAt ?? Infinity)

  const checkOpened = (own: Elected) => {
    const { account, process } = own
    const before = elections.beside(own).filter((one) => one !== own && one.openedAt !== undefined)
    // Where nothing excludes others, two may decide at the same time.
    const seen = before.filter(
      (one) => one.replacedAt < own.readAt || !history.hasLostLocks(account, own.readAt - longestDecision)
    )
    const isRecent = (time: number) =>
      own.replacedAt - time < quietPeriod - tolerance && !elections.hasJumped(process.machine, time, true)
    const refused = seen.find((one) => isRecent(one.refusedAt ?? -Infinity) && !isForgotten(one))
    if (refused !== undefined)
      violate("browser after a refusal", `${process.name} opens one that ${refused.process.name} was refused`)
    const recent = seen.filter(({ readAt }) => isRecent(readAt))
    if (recent.length >= maxBrowsers) violate("third browser", `${process.name} opens one for ${account}`)
    const other = recent.find((one) => !isGone(one) && !hasSucceeded(one))
    if (other !== undefined)
      violate("second browser", `${process.name} opens one although ${other.process.name} has done so`)
  }

  return (fact) => {
    if (fact._tag !== "BrowserOpened" && fact._tag !== "Registered") return
    const proxy = elections.proxies.get(fact.process)
    if (proxy === undefined) return
    const own = elections.of(fact.process)
    if (!proxy.mayOpenBrowser || own === undefined) {
      violate("browser not allowed", `${fact.process.name} begins a sign-in`)
    } else if (fact._tag === "BrowserOpened") checkOpened(own)
    else if (own.registrations > 1 && history.scenario.faults.forgottenClient === 0)
      violate("one registration", `${fact.process.name} registers another client`)
  }
}
