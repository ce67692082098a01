import { Effect } from "effect"

/** Tries at most: an input that is not the smallest is a good one too. */
const maxTries = 3_000

/** The parts of a value that may go without it being of another shape: texts get shorter, lists too. */
function* smaller(value: unknown): Generator<unknown> {
  if (typeof value === "string") {
    for (let size = Math.ceil(value.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
      for (let at = 0; at < value.length; at += size) yield value.slice(0, at) + value.slice(at + size)
    }
  } else if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at++) yield value.toSpliced(at, 1)
    for (let at = 0; at < value.length; at++)
      for (const item of smaller(value[at])) yield value.with(at, item)
  } else if (typeof value === "object" && value !== null) {
    for (const [name, held] of Object.entries(value)) {
      for (const item of smaller(held)) yield { ...value, [name]: item }
    }
  }
}

/** The smallest input found that is still wrong. */
export const shrunk = Effect.fnUntraced(function* (
  input: unknown,
  isWrong: (input: unknown) => Effect.Effect<boolean>
) {
  let smallest = input
  let left = maxTries
  for (let found = true; found && left > 0;) {
    found = false
    for (const candidate of smaller(smallest)) {
      left -= 1
      if (left <= 0) break
      if (!(yield* isWrong(candidate))) continue
      smallest = candidate
      found = true
      break
    }
  }
  return smallest
})
