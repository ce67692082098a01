import { Clock, Context, Data, Duration, Effect, Schedule } from "effect"
import { StorageError } from "../../../ports/CredentialStore.ts"
import type { VaultFailure } from "../../../ports/StorageFailure.ts"
import { failoverTime, maxRetries, maxRetryAfter, maxRetryDelay, retryTime } from "./VaultLimits.ts"
import { type Tell, tellIfSlow } from "./WaitNotice.ts"

/** A failure after which another attempt may succeed. */
export class Transient extends Data.TaggedError("Transient")<{
  readonly failure: VaultFailure
  /** What the server requests, in milliseconds. */
  readonly retryAfter: number
}> {}

/**
 * Until when a request is repeated after any failure that may pass, in milliseconds since the epoch. Absent, or past: a few times,
 * and for {@link failoverTime} while a cluster has no active node. 0: a few times in any case.
 */
export const PatientUntil = Context.Reference<number | undefined>(
  "mcp-cli-oauth/adapters/store/vault/PatientUntil",
  { defaultValue: () => undefined }
)

/** True if a cluster says that it has no active node, or names one that has just stopped to be it. */
export const isFailover = ({ failure }: Transient): boolean =>
  failure.problem === "standby" || failure.problem === "redirect"

/** Retries after 0.25, 0.5, 1, 1 s and so on with jitter, or after `Retry-After` if that is longer. */
const retrySchedule = Schedule.exponential("250 millis").pipe(
  Schedule.jittered,
  Schedule.setInputType<Transient | VaultFailure>(),
  Schedule.modifyDelay(({ duration, input }) => {
    const requested = Duration.millis(input instanceof Transient ? input.retryAfter : 0)
    return Effect.succeed(Duration.max(Duration.min(duration, maxRetryDelay), requested))
  })
)

/** Decides after each failed attempt of one request whether there is another one. */
const retryWhile = (started: number, patientUntil: number | undefined) => {
  let retries = 0
  let until = patientUntil ?? 0
  return (error: Transient | VaultFailure) =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      if (!(error instanceof Transient) || error.retryAfter > maxRetryAfter) return false
      if (patientUntil !== 0 && isFailover(error)) {
        until = Math.max(until, started + Duration.toMillis(failoverTime))
      }
      retries++
      return (retries <= maxRetries && now < started + Duration.toMillis(retryTime)) || now < until
    })
}

/**
 * Repeats requests, and tells once per outage what is waited for.
 *
 * @param address where requests are sent now
 */
export const vaultRetry = (tell: Tell | undefined, address: () => string) => {
  let last: VaultFailure | undefined
  let hasTold = false
  const waitsFor = () => `Waiting for Vault at ${address()}${last === undefined ? "" : `: ${last.detail}`}.`
  const tellOnce = (line: string) =>
    Effect.suspend(() => {
      if (hasTold || tell === undefined) return Effect.void
      hasTold = true
      return tell(line)
    })

  /** @param isSilent the user does not wait for the answer */
  return Effect.fnUntraced(function* <A>(
    attempt: Effect.Effect<A, Transient | VaultFailure>,
    isSilent = false
  ) {
    const started = yield* Clock.currentTimeMillis
    const attempts = attempt.pipe(
      Effect.tapError((error) =>
        Effect.sync(() => {
          last = error instanceof Transient ? error.failure : error
        })
      ),
      Effect.retry({ schedule: retrySchedule, while: retryWhile(started, yield* PatientUntil) }),
      Effect.mapError(
        (error) => new StorageError({ reason: error instanceof Transient ? error.failure : error })
      )
    )
    const answer = yield* tellIfSlow(
      tell === undefined || isSilent ? undefined : tellOnce,
      waitsFor
    )(() => attempts)
    last = undefined
    hasTold = false
    return answer
  })
}
