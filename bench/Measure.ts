import { performance } from "node:perf_hooks"

/** Measurements of each side in a comparison. */
export const rounds = 15

/** Prints a line of the report. */
export const say = (line: string): void => void process.stdout.write(`${line}\n`)

const sorted = (numbers: ReadonlyArray<number>) => numbers.toSorted((a, b) => a - b)
/** The value below which this part of some numbers is. */
export const quantile = (numbers: ReadonlyArray<number>, part: number) =>
  sorted(numbers)[Math.floor(numbers.length * part)] ?? 0

/** The median of some numbers; 0 for an empty list. */
export const median = (numbers: ReadonlyArray<number>): number => quantile(numbers, 0.5)

/** The duration of an asynchronous task, in milliseconds. */
export const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const began = performance.now()
  await work()
  return performance.now() - began
}

const spread = (numbers: ReadonlyArray<number>) =>
  `${median(numbers).toFixed(0)} ms (${quantile(numbers, 0.25).toFixed(0)} to ${quantile(numbers, 0.75).toFixed(0)})`

/** Prints the ratio of the medians of two sets of measurements, in milliseconds. */
export const report = (
  what: string,
  goal: number,
  ours: ReadonlyArray<number>,
  reference: ReadonlyArray<number>
): void => {
  const ratio = median(ours) / median(reference)
  say(
    `${what}: ratio ${ratio.toFixed(3)}, goal <= ${goal}: ${ratio <= goal ? "met" : "MISSED"}; ${spread(ours)} against ${spread(reference)}`
  )
}

/** Runs both alternately, so that other load of the machine affects both, and reports how long they took. */
export const compare = async (
  what: string,
  goal: number,
  ours: () => Promise<unknown>,
  reference: () => Promise<unknown>,
  times = rounds
): Promise<void> => {
  await ours()
  await reference()
  const mine: Array<number> = []
  const theirs: Array<number> = []
  for (let round = 0; round < times; round++) {
    mine.push(await timed(ours))
    theirs.push(await timed(reference))
  }
  report(what, goal, mine, theirs)
}
