import { Clock, Effect, Result, Schema } from "effect"
import { printable } from "../../domain/PrintableText.ts"
import {
  InvalidClient,
  InvalidGrant,
  Malformed,
  Passing,
  Refused,
  type TokenFailure
} from "../../ports/TokenEndpoint.ts"
import { discardBody, readBody } from "../http/BoundedBody.ts"
import { retryAfterMillis } from "../http/RetryAfter.ts"

/**
 * An error answer (RFC 6749 §5.2); GitHub sends it with status 200. What says whether a sign-in is over must not get
 * lost over a description that is null, or no text at all.
 */
const ErrorAnswer = Schema.fromJsonString(
  Schema.Struct({ error: Schema.NonEmptyString, error_description: Schema.optionalKey(Schema.Unknown) })
)

/** Takes our own secrets out of a text of the server's, which may repeat what it was sent. */
const without = (text: string, secrets: ReadonlyArray<string>): string =>
  secrets.reduce(
    (rest, secret) => rest.replaceAll(secret, "…").replaceAll(encodeURIComponent(secret), "…"),
    text
  )

const failureOf = (
  { error, error_description: description }: typeof ErrorAnswer.Type,
  secrets: ReadonlyArray<string>
): TokenFailure => {
  if (error === "invalid_grant") return new InvalidGrant()
  if (error === "invalid_client") return new InvalidClient()
  // RFC 6749 §4.1.2.1 gives these two to the authorization endpoint; servers send them here as well.
  if (error === "temporarily_unavailable" || error === "server_error") {
    return new Passing({ detail: printable(error) })
  }
  return new Refused({
    error: printable(without(error, secrets)),
    ...(typeof description === "string" ? { description: printable(without(description, secrets)) } : {})
  })
}

/**
 * The text of an answer of the token endpoint, or of one like it, that is neither a passing failure nor an error of
 * RFC 6749 §5.2.
 *
 * @param secrets what the request carried: no error repeats it
 */
export const answerOf = Effect.fnUntraced(function* (
  response: Response,
  secrets: ReadonlyArray<string>
): Effect.fn.Return<{ readonly status: string; readonly text: string }, TokenFailure> {
  const status = `HTTP ${response.status}`
  if (response.status === 429 || response.status >= 500) {
    const retryAfter = retryAfterMillis(response.headers.get("retry-after"), yield* Clock.currentTimeMillis)
    yield* discardBody(response)
    return yield* Effect.fail(
      new Passing({ detail: status, ...(retryAfter === undefined ? {} : { retryAfter }) })
    )
  }
  if (response.status >= 300 && response.status < 400) {
    yield* discardBody(response)
    return yield* Effect.fail(new Malformed({ detail: `${status}: it redirects, which is not followed` }))
  }
  const text = yield* readBody(response).pipe(
    Effect.mapError(({ detail, passing }) => (passing ? new Passing({ detail }) : new Malformed({ detail })))
  )
  const refusal = Schema.decodeResult(ErrorAnswer)(text)
  if (Result.isSuccess(refusal)) {
    return yield* Effect.fail(failureOf(refusal.success, secrets))
  }
  return { status, text }
})
