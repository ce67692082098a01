import { Effect, Fiber, Option } from "effect"
import type { CredentialKey } from "../../domain/CredentialKey.ts"
import type { RemoteServer } from "../../domain/Server.ts"
import { accountName } from "../../domain/SignInError.ts"
import { CredentialLock } from "../../ports/CredentialLock.ts"
import { UserInteraction } from "../../ports/UserInteraction.ts"
import { noticeAfter } from "../../ports/WaitNotice.ts"

/**
 * Makes the function that runs a sign-in under its lock. It tells the user if the lock takes long: another program may have opened
 * its tab minutes ago, as a proxy in the background does.
 */
export const makeInTurn = Effect.gen(function* () {
  const { withLock } = yield* CredentialLock
  // Absent at a web server, whose users wait for nothing here.
  const user = Option.getOrUndefined(yield* Effect.serviceOption(UserInteraction))
  return <A, E, R>({ name }: RemoteServer, key: CredentialKey, signIn: Effect.Effect<A, E, R>) => {
    if (user === undefined) return withLock(key, "sign-in")(signIn)
    const tell = user.tell(
      `Another program is signing in to ${accountName(name, key.account)}. Approve it in the tab that it opened, or end that program: this sign-in begins then.`
    )
    return Effect.gen(function* () {
      const notice = yield* Effect.forkDetach(
        Effect.interruptible(Effect.andThen(Effect.sleep(noticeAfter), tell))
      )
      const silence = Fiber.interrupt(notice)
      return yield* withLock(key, "sign-in")(Effect.andThen(silence, signIn)).pipe(Effect.ensuring(silence))
    })
  }
})
