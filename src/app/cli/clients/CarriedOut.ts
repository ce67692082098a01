import { Effect, Result } from "effect"
import type { FileEditError } from "../../../ports/FileEditor.ts"
import { confirm, requireAnswer } from "../Confirmation.ts"
import { print, tell, tellError } from "../Output.ts"
import { configFileOfRun, Json } from "../Settings.ts"
import type { UsageError } from "../UsageError.ts"
import { carryOut, type Installation, type PlannedEdit, type Removal } from "./PlannedEdit.ts"

type Refused = FileEditError | UsageError

/** An edit that was made, or that changes nothing. */
export interface CarriedOut<Result extends Installation | Removal> extends PlannedEdit<Result> {
  readonly backup: string | undefined
}

/** What a command does with the edits that it plans. */
export interface Agreement {
  readonly dryRun: boolean
  readonly yes: boolean
  /** Of the error of a run that cannot ask: what the command does, as a sentence without its end. */
  readonly what: string
}

/** Fails with the last of several errors, after telling the others. */
const failWith = Effect.fnUntraced(function* (errors: ReadonlyArray<Refused>) {
  const configFile = yield* configFileOfRun
  if (!(yield* Json)) yield* Effect.forEach(errors.slice(0, -1), (error) => tellError(error, configFile))
  const last = errors.at(-1)
  if (last !== undefined) return yield* last
})

/**
 * Plans edits, shows what each changes, asks, and makes them. A file that cannot be edited does not prevent the others: its
 * error is the result in the end.
 *
 * @param report says what was done, before a failure of one of the edits ends the command
 */
export const carryOutAll = Effect.fnUntraced(function* <Outcome extends Installation | Removal, R, A, E, R2>(
  plans: ReadonlyArray<Effect.Effect<ReadonlyArray<PlannedEdit<Outcome>>, Refused, R>>,
  { dryRun, what, yes }: Agreement,
  report: (done: ReadonlyArray<CarriedOut<Outcome>>) => Effect.Effect<A, E, R2>
) {
  const planned = yield* Effect.forEach(plans, (one) => Effect.result(one))
  const errors = planned.flatMap((one) => (Result.isFailure(one) ? [one.failure] : []))
  const seen = new Set<string>()
  // Two clients can read one file.
  const edits = planned
    .flatMap((one) => (Result.isSuccess(one) ? one.success : []))
    .filter(({ place }) => !seen.has(place.file) && seen.add(place.file))
  const changes = edits.filter(({ diff }) => diff.length > 0)
  if (!(yield* Json)) yield* Effect.forEach(changes, ({ diff }) => print(...diff))
  if (changes.length > 0 && !dryRun && !yes) {
    yield* requireAnswer(what)
    const where = changes.length === 1 ? "the file" : `${changes.length} files`
    if (!(yield* confirm(`Write this to ${where}?`))) return yield* tell("Nothing was changed.")
  }
  const done: Array<CarriedOut<Outcome>> = []
  for (const edit of edits) {
    if (dryRun || edit.diff.length === 0) {
      done.push({ ...edit, backup: undefined })
      continue
    }
    const result = yield* Effect.result(carryOut(edit))
    if (Result.isFailure(result)) errors.push(result.failure)
    else done.push({ ...edit, backup: result.success.backup })
  }
  if (done.length > 0 || errors.length === 0) yield* report(done)
  yield* failWith(errors)
})
