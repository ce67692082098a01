import { Deferred, Effect, Fiber } from "effect"
import { CredentialKey } from "../domain/CredentialKey.ts"
import { CredentialLock, type LockError } from "../ports/CredentialLock.ts"
import { type ContractCase, type ContractViolation, ensure } from "./Contract.ts"

const notion = CredentialKey.of("notion")
const linear = CredentialKey.of("linear")

const testCase = (
  name: string,
  run: (lock: CredentialLock["Service"]) => Effect.Effect<void, ContractViolation | LockError>
): ContractCase<CredentialLock, LockError> => ({ name, run: CredentialLock.use(run) })

/**
 * What every {@link CredentialLock} does among the fibers of one process. Locks that also exclude other processes or
 * machines need tests of their own for that.
 */
export const credentialLockContract: ReadonlyArray<ContractCase<CredentialLock, LockError>> = [
  testCase(
    "has one holder at a time",
    Effect.fnUntraced(function* (lock) {
      let inside = 0
      let most = 0
      let visits = 0
      const visit = Effect.gen(function* () {
        inside += 1
        most = Math.max(most, inside)
        yield* Effect.yieldNow
        yield* Effect.yieldNow
        inside -= 1
        visits += 1
      })
      yield* Effect.forEach(Array.from({ length: 20 }), () => lock.withLock(notion, "refresh")(visit), {
        concurrency: "unbounded"
      })
      yield* ensure(most === 1, `one holder at a time, and there were ${most}`)
      yield* ensure(visits === 20, `every waiting effect runs, and ${visits} of 20 did`)
    })
  ),
  testCase(
    "does not block other keys or purposes",
    Effect.fnUntraced(function* (lock) {
      const other = lock.withLock(linear, "refresh")(Effect.succeed("in"))
      const nested = lock.withLock(notion, "refresh")(lock.withLock(notion, "sign-in")(other))
      yield* ensure((yield* nested) === "in", "locks of other keys and purposes are independent")
    })
  ),
  testCase(
    "confirms a lock that is held, and no other",
    Effect.fnUntraced(function* (lock) {
      if (lock.confirm === undefined) return
      const confirm = lock.confirm(notion, "refresh")
      yield* lock.withLock(notion, "refresh")(confirm)
      const isConfirmed = yield* Effect.isSuccess(confirm)
      yield* ensure(!isConfirmed, "confirm fails for a lock that is not held")
    })
  ),
  testCase(
    "is free after a failure and after an interruption",
    Effect.fnUntraced(function* (lock) {
      const locked = lock.withLock(notion, "refresh")
      const error = yield* Effect.flip(locked(Effect.fail("no")))
      yield* ensure(error === "no", "the failure of the effect is passed on")
      const entered = yield* Deferred.make<void>()
      const holder = yield* Effect.forkChild(
        locked(Effect.andThen(Deferred.succeed(entered, undefined), Effect.never))
      )
      yield* Deferred.await(entered)
      yield* Fiber.interrupt(holder)
      yield* ensure((yield* locked(Effect.succeed("in"))) === "in", "the lock is free after an interruption")
    })
  )
]
