import { Duration, Effect, Schema } from "effect"
import { timeUp } from "../platform/TimeUp.ts"
import { bodySeconds, maxBody } from "./HttpLimits.ts"

/** A body is too long or too slow, or its connection failed. */
export class BodyError extends Schema.TaggedError<BodyError>()("BodyError", {
  /** The reason, without any content of the body. */
  detail: Schema.String,
  /** True if a retry may succeed. */
  isTransient: Schema.Boolean
}) {
  override get message(): string {
    return this.detail
  }
}

/**
 * Reads a body as text, up to 1 MiB and within 15 seconds.
 *
 * @param isEnough ends the reading before the body does, once it is true for the text so far
 */
export const readBody = (
  response: Response,
  isEnough: (text: string) => boolean = () => false
): Effect.Effect<string, BodyError> => {
  const { body } = response
  if (body === null) return Effect.succeed("")
  const read = Effect.acquireUseRelease(
    Effect.sync(() => body.getReader()),
    (reader) =>
      Effect.gen(function* () {
        const decoder = new TextDecoder()
        let text = ""
        let length = 0
        for (;;) {
          const { done, value } = yield* Effect.tryPromise({
            try: () => reader.read(),
            catch: () => new BodyError({ detail: "the answer broke off", isTransient: true })
          })
          if (done) break
          length += value.byteLength
          if (length > maxBody)
            return yield* new BodyError({ detail: "the answer is over 1 MiB", isTransient: false })
          text += decoder.decode(value, { stream: true })
          if (isEnough(text)) return text
        }
        return text + decoder.decode()
      }),
    // Rejects for a body that failed. Not awaited: one of two clones of a body is cancelled only together with the other.
    (reader) => Effect.sync(() => void reader.cancel().catch(() => undefined))
  )
  const late = new BodyError({
    detail: `the answer did not end within ${bodySeconds} seconds`,
    isTransient: true
  })
  return Effect.raceFirst(
    Effect.interruptible(read),
    Effect.interruptible(Effect.andThen(timeUp(Duration.seconds(bodySeconds)), late))
  )
}
