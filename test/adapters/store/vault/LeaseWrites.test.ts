import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option } from "effect"
import { TestClock } from "effect/testing"
import type { Fields, KeyValue } from "../../../../src/adapters/store/vault/KeyValue.ts"
import {
  type Lease,
  makeLeaseWrites,
  withoutLease,
  withRecord
} from "../../../../src/adapters/store/vault/LeaseWrites.ts"
import { type Change, makeRecordWrites } from "../../../../src/adapters/store/vault/RecordWrites.ts"

/** A record with check-and-set. Only so many reads of it are answered, perhaps by a replica that is one version behind. */
const engineOf = (answeredReads: number, isStale: boolean) => {
  const record: { fields: Fields | undefined; version: number } = { fields: { record: "old" }, version: 7 }
  let reads = 0
  const engine: KeyValue = {
    version: Effect.succeed(2),
    read: () =>
      Effect.suspend(() =>
        ++reads > answeredReads
          ? Effect.never
          : Effect.succeed({ ...record, version: record.version - Number(isStale), age: 0 })
      ),
    write: (_, fields, over) =>
      Effect.sync(() => {
        if (over !== record.version) return Option.none()
        Object.assign(record, { fields, version: over + 1 })
        return Option.some(record.version)
      }),
    prune: () => Effect.void,
    remove: () => Effect.void,
    list: Effect.succeed([])
  }
  return { engine, record }
}

const isSame = (_: string, one: string | undefined, other: string | undefined) => one === other

/** Runs an effect with two seconds to wait. None: it goes on after that. */
const soon = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(Effect.timeoutOption(effect, "2 seconds"))
    yield* TestClock.adjust("2 seconds")
    return yield* Fiber.join(fiber)
  })

/** Takes the lease of the record, and writes it once more, but for the answer. */
const unanswered = (answeredReads: number, isStale = false) =>
  Effect.gen(function* () {
    const { engine, record } = engineOf(answeredReads, isStale)
    const writes = makeLeaseWrites(engine, makeRecordWrites(engine), isSame)
    const holder = { owner: "mine", place: undefined }
    const lease: Lease = Option.getOrThrow(yield* writes.takeOver("s", record.fields, 7, holder))
    Object.assign(record, { version: record.version + 1 })
    return { ...writes, lease, record }
  })

const sameAgain: Change = (fields) => fields
const newTokens: Change = (fields) => withRecord(fields, "new")

describe("a lease whose last write got no answer", () => {
  it.effect.each<readonly [string, Change, boolean]>([
    ["an extension", sameAgain, false],
    ["the end of the lease", withoutLease, false],
    ["tokens", newTokens, true]
  ])("is recognized by one read: %s", ([, change, isUrgent]) =>
    Effect.gen(function* () {
      const { lease, record, writeHeld } = yield* unanswered(1)
      assert.deepStrictEqual(yield* soon(writeHeld("s", lease, change, isUrgent)), Option.some(true))
      assert.deepStrictEqual([record.version, lease.version], [10, 10])
      assert.deepStrictEqual(record.fields, lease.fields)
    })
  )

  it.effect.each([
    { refused: 1, reads: 0, isStale: false },
    { refused: 2, reads: 0, isStale: false },
    { refused: 1, reads: 1, isStale: true },
    { refused: 2, reads: 3, isStale: true }
  ])("lets tokens be written unread after extensions that were refused: %o", ({ isStale, reads, refused }) =>
    Effect.gen(function* () {
      const { lease, record, writeHeld } = yield* unanswered(reads, isStale)
      for (let count = 0; count < refused; count++) yield* soon(writeHeld("s", lease, sameAgain))
      assert.deepStrictEqual(yield* soon(writeHeld("s", lease, newTokens, true)), Option.some(true))
      assert.strictEqual(record.fields?.["record"], "new")
    })
  )

  it.effect.each([0, 1, 2])(
    "lets no tokens replace those of a process without it, after %i extensions",
    (count) =>
      Effect.gen(function* () {
        const { lease, record, writeHeld, writeLost } = yield* unanswered(9)
        Object.assign(record, {
          fields: { ...record.fields, record: "signed in" },
          version: record.version + 1
        })
        for (let extended = 0; extended < count; extended++) yield* soon(writeHeld("s", lease, sameAgain))
        assert.deepStrictEqual(yield* soon(writeHeld("s", lease, newTokens, true)), Option.some(false))
        assert.deepStrictEqual(yield* soon(writeLost("s", lease, newTokens)), Option.some(false))
        assert.strictEqual(record.fields?.["record"], "signed in")
      })
  )

  it.effect("lets tokens be written at the version where another lease was just read", () =>
    Effect.gen(function* () {
      const { lease, record, writeHeld, writeLost } = yield* unanswered(1)
      Object.assign(record, { fields: { ...record.fields, lease: "other 30" } })
      assert.deepStrictEqual(yield* soon(writeHeld("s", lease, newTokens, true)), Option.some(false))
      assert.deepStrictEqual(yield* soon(writeLost("s", lease, newTokens)), Option.some(true))
      assert.deepInclude(record.fields, { record: "new", lease: "other 30" })
    })
  )
})
