import { Clock, Effect, Redacted } from "effect"
import type { PendingSignIn } from "../../domain/PendingSignIn.ts"
import { type PendingSignInError, refusePending } from "../../domain/PendingSignInError.ts"
import { SignInPolicy } from "../../ports/SignInPolicy.ts"

/** The sign-ins in two steps that this process has completed, or tried to. */
export interface UsedSignIns {
  /** Claims a sign-in for the caller. Fails if it was claimed before. */
  readonly claim: (pending: PendingSignIn) => Effect.Effect<void, PendingSignInError>
}

/** @see UsedSignIns */
export const makeUsedSignIns: Effect.Effect<UsedSignIns> = Effect.gen(function* () {
  const { maxUsedInProcess } = yield* SignInPolicy
  /** When each record expires, by its state, the oldest claim first. */
  const used = new Map<string, number>()
  return {
    claim: Effect.fnUntraced(function* (pending) {
      const now = yield* Clock.currentTimeMillis
      const state = Redacted.value(pending.state)
      if (used.has(state)) return yield* refusePending(pending, "already used")
      for (const [old, expiresAt] of used) {
        if (expiresAt > now && used.size < maxUsedInProcess) break
        used.delete(old)
      }
      used.set(state, pending.expiresAt)
    })
  }
})
