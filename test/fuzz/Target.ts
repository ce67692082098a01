import { inspect } from "node:util"
import { Cause, Effect, Exit, Schema } from "effect"
import type { Random } from "./Random.ts"

/** A property does not hold. */
export class BackendError extends Schema.TaggedError<BackendError>()("BackendError", {
  what: Schema.String
}) {
  override get message(): string {
    return this.what
  }
}

/** One thing that strangers can write and this program reads, and what must be true however they write it. */
export interface Target<Input> {
  readonly name: string
  /** Makes an input; nothing but JSON, so that it can be kept. */
  readonly generate: (random: Random) => Input
  /** Feeds an input, and gives what became of it: `accepted`, or the tag of the error. */
  readonly check: (input: Input) => Effect.Effect<string, BackendError>
}

/** Fails unless something is so. */
export const must = (isSo: boolean, what: string): Effect.Effect<void, BackendError> =>
  isSo ? Effect.void : Effect.fail(new BackendError({ what }))

/** Holds for values that may be looked at at once, without a fiber of their own. */
export const mustAll = (
  claims: Iterable<readonly [isSo: boolean, what: string]>
): Effect.Effect<void, BackendError> => {
  for (const [isSo, what] of claims) if (!isSo) return Effect.fail(new BackendError({ what }))
  return Effect.void
}

// oxlint-disable-next-line no-control-regex -- control characters are what this is about
const unprintable = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/

/** Whether a text can be shown on a terminal: it cannot rewrite the screen, nor turn the order of what is read. */
export const isShowable = (text: string): boolean => !unprintable.test(text)

/** The first of some secrets that a text holds. */
export const secretIn = (text: string, secrets: ReadonlyArray<string>): string | undefined =>
  secrets.find((secret) => text.includes(secret))

/** All that can be seen of a value without asking a `Redacted` for what it holds. */
export const seenOf = (value: unknown): string =>
  value instanceof Error
    ? [value.message, String(value), value.stack, JSON.stringify(value), inspect(value, { depth: 10 })].join(
        "\n"
      )
    : [inspect(value, { depth: 10 }), JSON.stringify(value)].join("\n")

const isTagged = (error: unknown): error is Error & { readonly _tag: string } =>
  error instanceof Error && "_tag" in error && typeof error._tag === "string"

/**
 * Runs an effect to its end, and gives its value or the tag of its error. It breaks the property where it dies or is
 * interrupted, where its error is none of `errors`, and where an error holds a secret or cannot be shown.
 */
export const outcomeOf = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  { errors, secrets }: { readonly errors: ReadonlyArray<string>; readonly secrets: ReadonlyArray<string> }
): Effect.Effect<
  { readonly _tag: "Accepted"; readonly value: A } | { readonly _tag: "Failed"; readonly error: E },
  BackendError,
  R
> =>
  Effect.gen(function* () {
    const exit = yield* Effect.exit(effect)
    if (Exit.isSuccess(exit)) return { _tag: "Accepted" as const, value: exit.value }
    const [reason, ...more] = exit.cause.reasons
    if (reason === undefined || more.length > 0 || !Cause.isFailReason(reason)) {
      return yield* new BackendError({ what: `it did not end with an error: ${Cause.pretty(exit.cause)}` })
    }
    const { error } = reason
    if (!isTagged(error) || !errors.includes(error._tag)) {
      return yield* new BackendError({ what: `an error that is not declared: ${inspect(error)}` })
    }
    yield* must(isShowable(error.message), `an error that cannot be shown: ${JSON.stringify(error.message)}`)
    const secret = secretIn(seenOf(error), secrets)
    yield* must(secret === undefined, `an error that holds the secret ${secret}: ${inspect(error)}`)
    return { _tag: "Failed" as const, error }
  })
