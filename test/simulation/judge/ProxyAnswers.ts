import { obstacles } from "../Scenario.ts"
import type { Elected, Proxy } from "./Elections.ts"
import type { Call } from "./Facts.ts"
import type { Invariant } from "./Invariant.ts"

/** Milliseconds that a client waits for a session while its user signs in. */
const hold = 45_000
/** Milliseconds for everything besides, where nothing is slow. */
const grace = 5000
const quietPeriod = 600_000
/** Milliseconds after which nothing of a clock that has jumped is left: an hour, and the quiet period. */
const longestJump = 4_200_000

/**
 * (9) A proxy answers within the time that its client waits. Without a session, the answer names the command that signs in, and
 * there is a reason: a browser of this machine was opened a short time ago, or still waits for its user.
 */
export const proxyAnswers: Invariant = (history, violate) => {
  const { elections, scenario } = history
  const isSmooth = obstacles.every((fault) => !(scenario.faults[fault] > 0))

  /** Why no browser opened for a call. */
  const isSilenced = (proxy: Proxy, { account, at }: Call): boolean => {
    const { machine } = proxy.process
    if (elections.hasJumped(machine, at - longestJump, false)) return true
    if (elections.hasFailed(proxy, at - quietPeriod)) return true
    const recent = elections.beside(proxy).filter((one) => at - one.replacedAt < quietPeriod)
    const isGone = ({ isStopped, process }: Elected) => isStopped || elections.wasGoneFor(proxy, process)
    const hasSucceeded = ({ openedAt = Infinity, process }: Elected) =>
      history.hasExchanged(process, openedAt)
    if (elections.beside(proxy).some(({ refusedAt = -Infinity }) => at - refusedAt < quietPeriod)) return true
    // It decides at the same time.
    if (recent.some(({ readAt }) => history.hasLostLocks(account, readAt))) return true
    if (recent.some((one) => one.openedAt !== undefined && !isGone(one) && !hasSucceeded(one))) return true
    return recent.filter((one) => one.openedAt !== undefined || one.process.isDead).length >= 2
  }

  /** The sign-in lock has the name of a server: it is held for another one that the configuration gives this name. */
  const isOtherAsked = (account: string): boolean =>
    scenario.isOneName &&
    ["s1", "s2", "s3"].some((one) => one !== account && elections.wasAsked(one, history.now - grace))

  /** A program that ignores the lock has used the refresh token, or stored what it got, while a client waited. */
  const isDisturbed = ({ account, at }: Call): boolean =>
    history.requests.some(
      ({ account: of, at: sentAt, isForeign, issued = "" }) =>
        isForeign && of === account && (history.written.get(issued) ?? sentAt) >= at
    )

  const checkUnsigned = (proxy: Proxy, call: Call) => {
    const { account, at, process } = call
    const { now } = history
    const family = history.storedFamily(account)
    const storedSince = history.storedSince(account)
    if (storedSince >= at) {
      const isUsable = family !== undefined && !family.isRevoked && !history.excuses.has(family.name)
      const isOnTime =
        isSmooth &&
        now - storedSince > grace &&
        !isOtherAsked(account) &&
        !elections.wasPaused(process.machine, at)
      const isSameClock = scenario.faults.skew === 0 && !history.hasJumpedSince(at - longestJump)
      // Over Vault, each machine asks its own user.
      const isAskedHere = history.hasLeases && elections.wasAsked(account, now - grace)
      if (isUsable && isOnTime && isSameClock && !isAskedHere)
        violate("sign-in not adopted", `${process.name} does not use ${family.name}`)
      return
    }
    if (now - at < hold - grace) {
      if (!isSilenced(proxy, call))
        violate("needless silence", `${process.name} opens no browser for ${account}`)
    } else if (isSmooth && !elections.wasPaused(process.machine, at)) {
      if (!elections.wasAsked(account, now - grace) && !isOtherAsked(account))
        violate("blocked", `${process.name} waits although no user is asked`)
    }
  }

  return (fact) => {
    if (fact._tag !== "CallEnded" || fact.call.method === undefined || fact.result._tag === "Left") return
    const { call, result } = fact
    const proxy = elections.proxies.get(call.process)
    if (proxy === undefined) return
    const took = history.now - call.at - (call.process.pausedFor - call.pausedBefore)
    if (isSmooth && took > hold + grace)
      violate("answers in time", `${call.process.name} answers after ${Math.round(took)} ms`)
    if (result._tag === "Token") return
    const { error } = result
    if (error.startsWith("SignIn") && !error.includes(`mcp-cli auth login ${proxy.server}`))
      violate("names the command", `${call.process.name} says: ${error}`)
    if (!proxy.mayOpenBrowser || call.method !== "initialize" || isDisturbed(call)) return
    if (error.startsWith("SignInRequired")) checkUnsigned(proxy, call)
    if (call.isAfterFaults && !elections.hasJumped(call.process.machine, 0, false))
      violate("works after healing", `${call.process.name} got ${error}`)
  }
}
