import { Duration } from "effect"
import { defaultTokenPolicy } from "../../../src/ports/TokenPolicy.ts"
import type { Excuse } from "./Excuses.ts"
import type { TokenRequest } from "./Facts.ts"
import type { History } from "./History.ts"
import type { Invariant } from "./Invariant.ts"

/** Milliseconds that a clock may be read apart. */
const tolerance = 50
/** Milliseconds from the check of a lease to the request that it allows. */
const checkedBefore = 2000

/** When a request may be repeated, by the rule of `TokenPolicy.resend`. Absent: now. */
const resendTime = ({ at, endedAt = at, outcome }: TokenRequest): number | undefined => {
  const { afterBreak, afterTimeout } = defaultTokenPolicy.resend
  if (outcome === "timeout") return at + Duration.toMillis(afterTimeout)
  return outcome === "broke" ? endedAt + Duration.toMillis(afterBreak) : undefined
}

/** What no client can prevent, and explains that a token was sent although an earlier request holds it. */
const excuseFor = (history: History, request: TokenRequest, before: TokenRequest): Excuse | undefined => {
  if (request.isForeign) return "foreign program"
  const restoredBy = history.restoredBy(request.token, before.at)
  if (restoredBy !== undefined) return restoredBy
  if (before.isForeign) {
    const writtenAt = history.written.get(before.issued ?? "")
    const mayBeLost = history.isExcused(request.account)
    const { readAt = -Infinity } = request
    // A move may have read the old token before that, and copied it after.
    const isMoved =
      history.scenario.faults.move > 0 && history.lastWrittenAt(request.token) > (writtenAt ?? 0)
    const isRead = !mayBeLost && !isMoved && writtenAt !== undefined && writtenAt < readAt
    return isRead ? undefined : "foreign program"
  }
  // Vault's leases hold although the lock of the machine is gone.
  if (!history.hasLeases && (history.wasUnlocked(before) || history.wasUnlocked(request)))
    return "lock removed"
  const hasJustContinued = request.process.pausedUntil > request.at - checkedBefore
  if (history.hasLeases && (history.wasPaused(before) || hasJustContinued)) return "paused before sending"
  return undefined
}

/**
 * (1) A refresh token is sent twice only if the outcome of the first request is unknown, and then not before the time of the
 * rule (`TokenPolicy.resend`).
 */
export const sentTwice: Invariant = (history, violate) => {
  /**
   * Another process sends it, which may not know how the request before ended; or it got the token itself and was told that it
   * is not stored, so that another process could not have sent it.
   */
  const mayNotKnow = (request: TokenRequest, before: TokenRequest) => {
    const hasFailed = history.failedWrites.has(request.token)
    const isOwn = hasFailed && history.requestFor(request.token)?.process === request.process
    return before.process !== request.process && (isOwn || history.mayBeUntold(before))
  }

  /**
   * To the clock of another machine, the time of the rule has come, or is further away than any wait and so the time of a
   * wrong clock.
   */
  const hasOtherClock = (request: TokenRequest, before: TokenRequest, early: number) => {
    const ahead = request.process.machine.skew - before.process.machine.skew
    const { afterTimeout } = defaultTokenPolicy.resend
    return early - ahead <= tolerance || early - ahead > Duration.toMillis(afterTimeout) - tolerance
  }

  /** Only a server that revokes the sign-in makes a loss of what a program that ignores the lock sends. */
  const isHarmless = (excuse: Excuse) =>
    excuse === "foreign program" && history.scenario.reuse === "refuse" && history.scenario.grace === 0

  const isNotedLater = (request: TokenRequest, before: TokenRequest) =>
    history.requests.some(
      (later) =>
        later.token === request.token &&
        later.id > before.id &&
        later.id < request.id &&
        resendTime(later) !== undefined
    )

  const check = (request: TokenRequest, before: TokenRequest) => {
    const who = `${request.process.name} sends ${request.token} (request ${request.id})`
    const breaks = (rule: string, why: string) => {
      const excuse = excuseFor(history, request, before)
      if (excuse !== undefined && isHarmless(excuse)) return
      if (excuse === undefined) violate(rule, `${who} ${why}`)
      else history.excuses.add(request.family, excuse, `requests ${before.id} and ${request.id}`)
    }
    if (before.outcome === undefined) {
      if (!before.process.isDead)
        breaks("sent twice", `while request ${before.id} of ${before.process.name} is open`)
      return
    }
    if (before.outcome === "answered") {
      const isUnwritten = before.process !== request.process && history.mayBeUnwritten(before)
      if (before.processed === "rotated" && !isUnwritten) {
        breaks(
          "sent twice",
          `although ${before.process.name} has ${before.issued} for it (request ${before.id})`
        )
      }
      if (before.processed === "rotated" && history.hasLeases && history.wasPaused(before)) {
        history.excuses.add(request.family, "paused before writing", `request ${before.id}`)
      }
      if (before.processed === "rotated" && isUnwritten) {
        const excuse = excuseFor(history, request, before)
        if (excuse !== undefined && !isHarmless(excuse)) {
          history.excuses.add(request.family, excuse, `request ${before.id}`)
        }
      }
      if (before.processed === "rotated" && isUnwritten && history.isCutOff(before)) {
        history.excuses.add(request.family, "cut off", `request ${before.id}`)
      }
      if (before.processed === "refused" && before.isRepeatable !== true && !mayNotKnow(request, before)) {
        breaks("sent twice", `although request ${before.id} was refused for good`)
      }
      return
    }
    const time = resendTime(before)
    if (time === undefined || history.now >= time - tolerance) return
    // What is noted about a later request, which is judged too, has replaced the time.
    if (isNotedLater(request, before)) return
    if (history.hasJumpedSince(before.at)) {
      history.excuses.add(request.family, "clock jumped", `since request ${before.id}`)
      return
    }
    // Another process learns of it from the store, if that worked, by the clock of the machine that wrote it.
    if (hasOtherClock(request, before, time - history.now) || mayNotKnow(request, before)) {
      history.excuses.add(request.family, "arrived late", `request ${before.id} is not known to be sent`)
      return
    }
    breaks("resent early", `${Math.round(time - history.now)} ms too early after request ${before.id}`)
  }

  return (fact) => {
    if (fact._tag === "Sent" && fact.request.kind === "refresh") {
      const { request } = fact
      for (const before of history.requests) {
        if (before !== request && before.token === request.token && before.kind === "refresh")
          check(request, before)
      }
    }
    if (fact._tag === "Processed" && fact.request.kind === "refresh") {
      const { family, id, isRepeatable, outcome, processed, token } = fact.request
      if (processed !== "refused" || isRepeatable === true || outcome === undefined || outcome === "answered")
        return
      const later = history.requests.find(
        (request) => request.token === token && request.id > id && !request.isForeign
      )
      if (later === undefined || (family !== undefined && history.excuses.has(family))) return
      violate("resent while under way", `request ${id} with ${token} arrives after request ${later.id}`)
    }
  }
}
