import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import kept from "./seeds.json" with { type: "json" }
import { targetOf, targets, wrongWith } from "./Targets.ts"

/** Inputs of each seed for each target; `npm run fuzz` tries a million. */
const inputs = 100

const tried = (name: string, input: unknown) =>
  Effect.gen(function* () {
    const target = targetOf(name)
    if (target === undefined) return assert.fail(`no target ${name}`)
    const wrong = wrongWith(yield* Effect.exit(target.check(input)))
    assert.isUndefined(wrong, JSON.stringify(input).slice(0, 2_000))
  })

describe("whatever strangers write", () => {
  it.effect.each(targets.flatMap(({ name }) => kept.seeds.map((seed) => [name, seed] as const)))(
    "is read or refused: %s, seed %i",
    ([name, seed]) =>
      Effect.gen(function* () {
        for (let index = 0; index < inputs; index++) {
          yield* tried(name, targetOf(name)?.input(seed, index))
        }
      })
  )

  const failed: ReadonlyArray<{ readonly target: string; readonly input: unknown }> = kept.failed
  it.effect.each(failed.map(({ input, target }, at) => [target, at, input] as const))(
    "is read or refused, where it once was not: %s, kept input %i",
    ([target, , input]) => tried(target, input)
  )
})
