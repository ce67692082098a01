import { Effect, Schema } from "effect"

/** The most of an answer that is read, in bytes: metadata and tokens are far smaller. */
export const maxBody = 1024 * 1024

/** An answer is too long, too slow, or broke off. */
export class BodyError extends Schema.TaggedError<BodyError>()("BodyError", {
  /** Why, without anything of the body. */
  detail: Schema.String,
  /** It may go better another time. */
  passing: Schema.Boolean
}) {
  override get message(): string {
    return this.detail
  }
}

/** Reads the body of an answer as text, up to 1 MiB and within 15 seconds; what is longer is not read to its end. */
export const readBody = (response: Response): Effect.Effect<string, BodyError> => {
  const { body } = response
  if (body === null) return Effect.succeed("")
  const read = Effect.acquireUseRelease(
    Effect.sync(() => body.getReader()),
    (reader) =>
      Effect.gen(function* () {
        const chunks: Array<Uint8Array> = []
        let length = 0
        for (;;) {
          const { done, value } = yield* Effect.tryPromise({
            try: () => reader.read(),
            catch: () => new BodyError({ detail: "the answer broke off", passing: true })
          })
          if (done) break
          length += value.byteLength
          if (length > maxBody)
            return yield* new BodyError({ detail: "the answer is over 1 MiB", passing: false })
          chunks.push(value)
        }
        return new TextDecoder().decode(Buffer.concat(chunks))
      }),
    // A body that has been read to its end, or broke, has nothing left to cancel. Nobody waits for it: one of two copies of
    // a body is only cancelled together with the other.
    (reader) => Effect.sync(() => void reader.cancel().catch(() => undefined))
  )
  return Effect.timeoutOrElse(Effect.interruptible(read), {
    duration: "15 seconds",
    orElse: () => new BodyError({ detail: "the answer did not end within 15 seconds", passing: true })
  })
}
