import { Effect } from "effect"
import { ChosenStorage } from "../storage/ChosenStorage.ts"

/** How many records are stored beside the sign-ins. */
export interface StoredBeside {
  /** Secrets of servers. */
  readonly secrets: number
  /** Keys of providers of models. */
  readonly modelKeys: number
}

/** Counts what is stored beside the sign-ins, by names alone: no store asks for a password to list them. */
export const storedBeside = Effect.gen(function* () {
  const { store } = yield* ChosenStorage.use(({ open }) => open)
  const keys = yield* store.list
  return {
    secrets: keys.filter(({ secret }) => secret !== undefined).length,
    modelKeys: keys.filter(({ modelProvider }) => modelProvider !== undefined).length
  } satisfies StoredBeside
})

/** A number and its noun: `2 secrets`. */
export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`

/** What is stored beside the sign-ins, as parts of a sentence: none if nothing is, or it is unknown. */
export const besideText = (beside: StoredBeside | undefined): ReadonlyArray<string> =>
  (
    [
      [beside?.secrets ?? 0, "secret"],
      [beside?.modelKeys ?? 0, "model key"]
    ] as const
  ).flatMap(([count, noun]) => (count === 0 ? [] : [counted(count, noun)]))
