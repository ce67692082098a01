import { Effect, Fiber } from "effect"
import { noticeDelay } from "./VaultLimits.ts"

/** Shows one line to the user. */
export type Tell = (line: string) => Effect.Effect<void>

/** Tells what an effect waits for, if that has not ended within three seconds. The effect gets what ends the wait. */
export const tellIfSlow =
  (tell: Tell | undefined, line: () => string) =>
  <A, E, R>(use: (endWait: Effect.Effect<void>) => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    tell === undefined
      ? use(Effect.void)
      : Effect.acquireUseRelease(
          Effect.suspend(() => tell(line())).pipe(
            Effect.delay(noticeDelay),
            Effect.interruptible,
            Effect.forkChild
          ),
          (notice) => use(Fiber.interrupt(notice)),
          (notice) => Fiber.interrupt(notice)
        )
