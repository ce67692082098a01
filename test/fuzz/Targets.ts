import { Cause, Effect, Exit, Option } from "effect"
import { callbacks } from "./Callbacks.ts"
import { challenges } from "./Challenges.ts"
import { configFiles } from "./ConfigFiles.ts"
import { deviceCodes } from "./DeviceCodes.ts"
import { foreignEntries } from "./ForeignEntries.ts"
import { metadata } from "./Metadata.ts"
import { randomOf } from "./Random.ts"
import { registrations } from "./Registrations.ts"
import { shrunk } from "./Shrink.ts"
import { type BackendError, seenOf, type Target } from "./Target.ts"
import { texts } from "./Texts.ts"
import { tokenAnswers } from "./TokenAnswers.ts"
import { visits } from "./Visits.ts"

/** A target whose inputs only it knows. */
export interface AnyTarget {
  readonly name: string
  /** The input with a number, of a seed: always the same. */
  readonly input: (seed: number, index: number) => unknown
  /** What became of an input that {@link AnyTarget.input} has made, now or another time. */
  readonly check: (input: unknown) => Effect.Effect<string, BackendError>
  /** A smaller input that is wrong as well, for one that is. */
  readonly shrink: (input: unknown) => Effect.Effect<unknown>
}

/** The beginning of what is wrong, which is alike for inputs that are wrong alike. */
const wayOf = (exit: Exit.Exit<string, BackendError>): string | undefined =>
  Option.getOrUndefined(
    Option.map(Exit.isFailure(exit) ? Cause.findErrorOption(exit.cause) : Option.none(), ({ what }) =>
      what.slice(0, 20)
    )
  )

const forAny = <Input>(target: Target<Input>): AnyTarget => {
  const check = (input: unknown) => target.check(input as Input)
  return {
    name: target.name,
    input: (seed, index) => target.generate(randomOf(`${target.name} ${seed} ${index}`)),
    check,
    shrink: Effect.fnUntraced(function* (input) {
      // A smaller input must be wrong in the same way, and not merely be none that could be made.
      const way = wayOf(yield* Effect.exit(check(input)))
      if (way === undefined) return input
      return yield* shrunk(input, (smaller) =>
        Effect.map(Effect.exit(check(smaller)), (exit) => wayOf(exit) === way)
      )
    })
  }
}

/** All that is fuzzed. */
export const targets: ReadonlyArray<AnyTarget> = [
  forAny(challenges),
  forAny(metadata),
  forAny(tokenAnswers),
  forAny(callbacks),
  forAny(configFiles),
  forAny(registrations),
  forAny(deviceCodes),
  forAny(visits),
  forAny(texts),
  forAny(foreignEntries)
]

/** The target of a name. */
export const targetOf = (name: string): AnyTarget | undefined =>
  targets.find((target) => target.name === name)

/** What is wrong with an input, if anything is. */
export const wrongWith = (exit: Exit.Exit<string, BackendError>): string | undefined =>
  Exit.isSuccess(exit) ? undefined : seenOf(exit.cause)
