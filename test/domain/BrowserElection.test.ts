import { assert, describe, it } from "@effect/vitest"
import {
  afterSignIn,
  elect,
  type ElectedEnd,
  endedPid,
  type Opening
} from "../../src/domain/BrowserElection.ts"

const now = 1_800_000_000_000
const minutes = 60_000
const [own, alive, dead] = [1, 2, 3]
const isRunning = (pid: number) => pid === own || pid === alive
const candidate = { now, pid: own, tag: "a", isRunning }
const opened = (pid: number, ago = 0): Opening => ({ time: now - ago, pid })

describe("a browser for a sign-in that no user asked for", () => {
  it.each<[name: string, before: ReadonlyArray<Opening>, isElected: boolean]>([
    ["if none was opened", [], true],
    ["while the process of one runs", [opened(alive)], false],
    ["for its own process again", [opened(own, 9 * minutes)], false],
    ["if the last one was opened ten minutes ago", [opened(alive, 10 * minutes)], true],
    ["if the process of one has died", [opened(dead, minutes)], true],
    ["if the processes of two have died", [opened(dead, 2 * minutes), opened(dead, minutes)], false],
    ["once the first of two dead ones is old", [opened(dead, 10 * minutes), opened(dead, minutes)], true],
    ["if one has died and another one runs", [opened(dead, minutes), opened(alive)], false],
    ["once more after a success", [opened(endedPid, minutes)], true],
    ["no third time after two", [opened(endedPid, minutes), opened(endedPid)], false],
    [
      "if the one of a live process is for another server of this name",
      [{ ...opened(alive), tag: "b" }],
      true
    ],
    ["if the one of a live process is for this server", [{ ...opened(alive), tag: "a" }], false],
    ["if a clock was ahead at the time of a live one", [opened(alive, -60 * minutes)], false],
    ["if a clock was ahead at the time of a dead one", [opened(dead, -60 * minutes)], true],
    ["if a clock was ahead at the time of two", [opened(dead, -60 * minutes), opened(dead)], false]
  ])("opens or not %s", (_, before, isElected) => {
    const election = elect(before, candidate)
    assert.strictEqual(election.isElected, isElected)
    const last = election.openings.at(-1)
    if (isElected) assert.deepStrictEqual(last, { time: now, pid: own, tag: "a" })
  })

  it("is forbidden for ten minutes after a clock was set back, however far", () => {
    const first = elect([opened(alive, -60 * minutes)], candidate)
    assert.isFalse(first.isElected)
    const later = { ...candidate, now: now + 10 * minutes }
    assert.isTrue(elect(first.openings, later).isElected)
  })

  it.each<[end: ElectedEnd, more: number]>([
    // How many further browsers open at once if each process dies after its sign-in.
    ["not shown", 2],
    ["succeeded", 1],
    ["stopped", 1],
    ["unanswered", 1],
    ["refused", 0]
  ])("that is %s lets %i follow", (end, more) => {
    const { openings } = elect([], candidate)
    let recorded = afterSignIn(openings, end, candidate)
    let elected = 0
    for (const pid of [11, 12, 13]) {
      const election = elect(recorded, { now, pid, tag: "a", isRunning: () => false })
      if (election.isElected) elected++
      recorded = election.openings
    }
    assert.strictEqual(elected, more)
  })

  it("that is refused leaves those for another server of this name", () => {
    const other = { ...opened(alive, minutes), tag: "b" }
    const { openings } = elect([other], candidate)
    const recorded = afterSignIn(openings, "refused", candidate)
    assert.deepInclude(recorded, other)
    assert.isFalse(elect(recorded, { ...candidate, isRunning: () => false }).isElected)
    assert.isTrue(elect(recorded, { ...candidate, tag: "c" }).isElected)
  })

  it("that was not shown leaves the record of an earlier one", () => {
    const earlier = opened(dead, minutes)
    const { openings } = elect([earlier], candidate)
    assert.deepStrictEqual(afterSignIn(openings, "not shown", candidate), [earlier])
  })
})
