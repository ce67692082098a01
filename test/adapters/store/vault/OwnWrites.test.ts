import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Option } from "effect"
import { TestClock } from "effect/testing"
import type { Found, KeyValue } from "../../../../src/adapters/store/vault/KeyValue.ts"
import { readingOwnWrites } from "../../../../src/adapters/store/vault/OwnWrites.ts"

/** What a standby answers to one read after another; the last answer is repeated. */
const standby = (...versions: ReadonlyArray<number>): KeyValue => {
  let reads = 0
  const found = (version: number): Found => ({ fields: version === 0 ? undefined : {}, version, age: 0 })
  return readingOwnWrites({
    version: Effect.succeed(2),
    read: () => Effect.sync(() => found(versions[Math.min(reads++, versions.length - 1)] ?? 0)),
    write: (_, __, over) => Effect.succeed(Option.some(over + 1)),
    prune: () => Effect.void,
    remove: () => Effect.void,
    list: Effect.succeed([])
  })
}

describe("a record that this process has written", () => {
  it.effect.each<readonly [string, KeyValue, ReadonlyArray<string>, number, readonly [number, number]]>([
    ["is read at once from a node that has it", standby(3), ["write"], 3, [0, 0]],
    ["is read again from one that is behind", standby(2, 2, 3), ["write"], 3, [500, 500]],
    ["is read again from one that has no such record yet", standby(0, 3), ["write"], 3, [250, 250]],
    ["is taken for removed after five seconds", standby(0), ["write"], 0, [5000, 5250]],
    ["is not awaited after its own removal", standby(0), ["write", "remove"], 0, [0, 0]],
    ["is not awaited if another one was written", standby(0), ["write another"], 0, [0, 0]]
  ])("%s", ([, engine, before, expected, [least, most]]) =>
    Effect.gen(function* () {
      if (before.includes("write")) yield* engine.write("a", {}, 2)
      if (before.includes("write another")) yield* engine.write("b", {}, 2)
      if (before.includes("remove")) yield* engine.remove("a")
      const timed = Effect.zip(engine.read("a"), Clock.currentTimeMillis)
      const fiber = yield* Effect.forkChild(timed)
      for (let step = 0; step < 40; step++) yield* TestClock.adjust("250 millis")
      const [{ version }, took] = yield* Fiber.join(fiber)
      assert.strictEqual(version, expected)
      assert.isAtLeast(took, least)
      assert.isAtMost(took, most)
      // Once it is taken for removed, no further read waits.
      assert.strictEqual((yield* engine.read("a")).version, expected)
    })
  )
})

describe("a record that this process wrote before its clock was set back", () => {
  it.effect("is taken for removed at once, and not awaited until the clock has caught up", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("1 hour")
      const engine = standby(0)
      yield* engine.write("a", {}, 2)
      yield* TestClock.setTime(0)
      assert.strictEqual((yield* engine.read("a")).version, 0)
    })
  )
})
