import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { chunked, TornRecord } from "../../../../src/adapters/store/keyring/Chunks.ts"
import { windowsLimit } from "../../../../src/adapters/store/keyring/KeyringLimits.ts"
import type { Entries } from "../../../../src/adapters/store/keyring/Entries.ts"
import { keyringEntries } from "../../../../src/adapters/store/keyring/KeyringEntries.ts"
import { scriptedKeyring } from "./ScriptedKeyring.ts"

const account = "notion"
const sizes = [0, 1, 2559, 2560, 2561, 5120, 16_384]

/** A record that no other seed gives a part of. */
const record = (size: number, seed: number): Uint8Array =>
  Uint8Array.from({ length: size }, (_, at) => (at * 31 + (at >> 8) * 7 + seed * 101) & 0xff)

type Raw = Map<string, Uint8Array>

/** The entries of Windows: none larger than the limit. */
const windows = (raw: Raw): Entries => ({
  get: (name) => raw.get(name)?.slice() ?? null,
  set: (name, secret) => {
    assert.isAtMost(secret.length, windowsLimit)
    raw.set(name, secret.slice())
  },
  remove: (name) => raw.delete(name)
})

/** Entries with something to be done around each call. */
const around = (entries: Entries, call: <A>(run: () => A) => A): Entries => ({
  get: (name) => call(() => entries.get(name)),
  set: (name, secret) => call(() => entries.set(name, secret)),
  remove: (name) => call(() => entries.remove(name))
})

const holding = (secret: Uint8Array | null): Raw => {
  const raw: Raw = new Map()
  if (secret !== null) chunked(windows(raw)).set(account, secret)
  return raw
}

/** What a write or, where there is no secret, a removal does. */
const change = (entries: Entries, secret: Uint8Array | null): void => {
  if (secret === null) chunked(entries).remove(account)
  else chunked(entries).set(account, secret)
}

const text = (secret: Uint8Array | null): string =>
  secret === null ? "nothing" : `${secret.length}:${Buffer.from(secret).toString("base64")}`

const is = (entries: Entries, expected: Uint8Array | null, name = account) =>
  assert.isTrue(text(chunked(entries).get(name)) === text(expected), "it is another record")

/** The raw entries are exactly those of one record of this size, in one of the slots. */
const assertEntries = (raw: Raw, size: number | null) => {
  const chunks = size === null || size < windowsLimit ? 0 : Math.ceil(size / windowsLimit)
  const expected = (slot: string) =>
    size === null ? [] : [account, ...Array.from({ length: chunks }, (_, at) => `${account}#${slot}.${at}`)]
  const found = [...raw.keys()].toSorted()
  assert.include(
    ["a", "b"].map((slot) => expected(slot).join(" ")),
    found.join(" ")
  )
}

/** Every record before a change, every change, each with its own bytes. */
const changes = [null, ...sizes].flatMap((before) =>
  [null, ...sizes].map((after) => ({
    before: before === null ? null : record(before, 1),
    after: after === null ? null : record(after, 2)
  }))
)

class Crash extends Error {}

/** Makes a change and stops it for ever at its nth call, before or after that call has done anything; true if it did. */
const crashes = (raw: Raw, secret: Uint8Array | null, nth: number, when: "before" | "after"): boolean => {
  let calls = 0
  const entries = around(windows(raw), (run) => {
    calls++
    assert.isAtMost(calls, nth, "it went on after it had failed")
    if (calls < nth) return run()
    if (when === "after") run()
    throw new Crash()
  })
  try {
    change(entries, secret)
    return false
  } catch (error) {
    assert.instanceOf(error, Crash)
    return true
  }
}

/** Does something with the entries that each possible crash of a change leaves. */
const eachCrash = (raw: Raw, secret: Uint8Array | null, then: (left: Raw) => void) => {
  for (const when of ["before", "after"] as const) {
    let nth = 1
    for (let left = new Map(raw); crashes(left, secret, nth, when); left = new Map(raw)) {
      then(left)
      nth++
    }
    assert.isAbove(nth, 1)
  }
}

describe("a record in chunks", () => {
  it.each(sizes)("of %i bytes is read back, and leaves nothing", (size) => {
    const raw = holding(record(size, 1))
    is(windows(raw), record(size, 1))
    assertEntries(raw, size)
    assert.isTrue(chunked(windows(raw)).remove(account))
    assert.isFalse(chunked(windows(raw)).remove(account))
    assert.strictEqual(chunked(windows(raw)).get(account), null)
    assertEntries(raw, null)
  })

  it("is one entry as long as it fits, its marker included", () => {
    assert.deepStrictEqual([...holding(record(2559, 1)).keys()], [account])
    assert.deepStrictEqual([...holding(record(2560, 1)).keys()], [`${account}#a.0`, account])
  })

  it("takes the other slot each time", () => {
    const raw = holding(record(2561, 1))
    chunked(windows(raw)).set(account, record(2561, 2))
    assert.deepStrictEqual([...raw.keys()].toSorted(), [account, `${account}#b.0`, `${account}#b.1`])
    chunked(windows(raw)).set(account, record(2561, 3))
    assert.deepStrictEqual([...raw.keys()].toSorted(), [account, `${account}#a.0`, `${account}#a.1`])
  })

  it("is up to 64 chunks; a larger one is refused before anything is done", () => {
    const limit = 64 * windowsLimit
    is(windows(holding(record(limit, 1))), record(limit, 1))
    const untouched: Entries = around(windows(new Map()), () => assert.fail("the keyring was called"))
    try {
      chunked(untouched).set(account, new Uint8Array(limit + 1))
      assert.fail("it was taken")
    } catch (error) {
      assert.instanceOf(error, RangeError)
      assert.match(String(error), /163841 bytes.* 163840 bytes \(64 entries of 2560\)/)
    }
  })

  it("is what the package keeps for Windows", () => {
    const { entries, package: keyring, script } = scriptedKeyring("win32")
    const stored = keyringEntries("windows", keyring)
    stored.set(account, record(16_384, 1))
    assert.deepStrictEqual(stored.get(account), record(16_384, 1))
    assertEntries(entries, 16_384)
    assert.isTrue(stored.remove(account))
    assertEntries(entries, null)
    assert.deepStrictEqual(script.misuses, [])
  })
})

describe("a crash of a writer", () => {
  it("leaves the old record or the new one, and nothing that the next write or removal does not clear", () => {
    for (const { after, before } of changes) {
      eachCrash(holding(before), after, (left) => {
        assert.include([text(before), text(after)], text(chunked(windows(left)).get(account)))
        for (const size of [null, 1, 2561, 16_384]) {
          const next = size === null ? null : record(size, 3)
          const raw = new Map(left)
          change(windows(raw), next)
          is(windows(raw), next)
          assertEntries(raw, size)
        }
      })
    }
  })

  it("after another crash still does", () => {
    const some = [null, 2561, 5121]
    for (const before of [1, 5121]) {
      for (const [first, second] of some.flatMap((one) => some.map((other) => [one, other] as const))) {
        const [one, two, three] = [before, first, second].map((size, at) =>
          size === null ? null : record(size, at + 1)
        ) as [Uint8Array | null, Uint8Array | null, Uint8Array | null]
        eachCrash(holding(one), two, (left) => {
          const between = text(chunked(windows(left)).get(account))
          eachCrash(left, three, (raw) => {
            assert.include([between, text(three)], text(chunked(windows(raw)).get(account)))
            change(windows(raw), null)
            assertEntries(raw, null)
          })
        })
      }
    }
  })
})

/** The calls of a change that do something, to be done one by one. */
const steps = (raw: Raw, secret: Uint8Array | null): ReadonlyArray<(raw: Raw) => void> => {
  const log: Array<(raw: Raw) => void> = []
  const trial = windows(new Map(raw))
  change(
    {
      get: trial.get,
      set: (name, bytes) => {
        const kept = bytes.slice()
        log.push((target) => target.set(name, kept))
        trial.set(name, bytes)
      },
      remove: (name) => {
        log.push((target) => target.delete(name))
        return trial.remove(name)
      }
    },
    secret
  )
  return log
}

/** What a reader sees where `done` steps were made before it comes, and `more` of them before its nth call. */
const readDuring = (
  start: Raw,
  log: ReadonlyArray<(raw: Raw) => void>,
  done: number,
  nth: number,
  more: number
): { readonly seen: Uint8Array | null; readonly calls: number } => {
  const raw = new Map(start)
  for (const step of log.slice(0, done)) step(raw)
  let calls = 0
  const entries = around(windows(raw), (run) => {
    calls++
    if (calls === nth) for (const step of log.slice(done, done + more)) step(raw)
    return run()
  })
  return { seen: chunked(entries).get(account), calls }
}

describe("a reader while another process writes", () => {
  it("sees the old record up to one moment, and the new one from then on", () => {
    for (const { after, before } of changes) {
      const start = holding(before)
      const log = steps(start, after)
      const seen = Array.from({ length: log.length + 1 }, (_, done) =>
        text(readDuring(start, log, done, 0, 0).seen)
      )
      const turn = seen.findIndex((one) => one === text(after))
      assert.isTrue(seen.slice(0, turn).every((one) => one === text(before)))
      assert.isTrue(seen.slice(turn).every((one) => one === text(after)))
    }
  })

  it("sees one of the two as a whole, whatever was done between any two of its own calls", () => {
    for (const { after, before } of changes) {
      const start = holding(before)
      const log = steps(start, after)
      for (let done = 0; done < log.length; done++) {
        for (let more = 1; more <= log.length - done; more++) {
          for (let nth = 1, calls = 1; nth <= calls; nth++) {
            const read = readDuring(start, log, done, nth, more)
            calls = read.calls
            assert.include([text(before), text(after)], text(read.seen))
          }
        }
      }
    }
  })

  it("is not misled by a write of the same record in the same place", () => {
    const raw = holding(record(5120, 1))
    let calls = 0
    const reading = around(windows(raw), (run) => {
      calls++
      // The slot it is about to read has been left; and is taken again before it looks at the header.
      if (calls === 2 || calls === 3) chunked(windows(raw)).set(account, record(5120, 1))
      return run()
    })
    is(reading, record(5120, 1))
    assert.isAbove(calls, 4)
  })

  it("reads again when a record was replaced, three times in all, and calls none of them damaged", () => {
    const overtaken = (times: number): Entries => {
      const raw = holding(record(5120, 0))
      let calls = 0
      let writes = 0
      return around(windows(raw), (run) => {
        calls++
        // Each attempt is the header (the last attempt's look at it counts) and a chunk that has gone.
        if (calls % 2 === 0 && writes < times) chunked(windows(raw)).set(account, record(5120, ++writes))
        return run()
      })
    }
    is(overtaken(2), record(5120, 2))
    try {
      chunked(overtaken(3)).get(account)
      assert.fail("it was read")
    } catch (error) {
      assert.notInstanceOf(error, TornRecord)
      assert.match(String(error), /each time it was read: try again/)
    }
  })
})

describe("a damaged record", () => {
  const edit = (name: string, to: (bytes: Uint8Array) => Uint8Array) => (raw: Raw) => {
    const bytes = raw.get(name)
    assert.isDefined(bytes)
    if (bytes !== undefined) raw.set(name, to(bytes))
  }
  const put = (at: number, value: number) => (bytes: Uint8Array) => bytes.with(at, value)

  it.each<readonly [string, (raw: Raw) => void, RegExp]>([
    ["without a chunk", (raw) => raw.delete(`${account}#a.1`), /part 2 of 3 is missing/],
    ["with a bit changed", edit(`${account}#a.1`, put(7, 0)), /not those of one write/],
    ["with a chunk cut", edit(`${account}#a.2`, (bytes) => bytes.slice(1)), /6143 bytes in place of 6144/],
    ["of two writes", (raw) => raw.set(`${account}#a.0`, record(windowsLimit, 5)), /not those of one write/],
    ["with its header cut", edit(account, (bytes) => bytes.slice(0, -1)), /header is damaged/],
    ["with another slot in its header", edit(account, put(1, 1)), /part 1 of 3 is missing/],
    ["with a slot that there is not", edit(account, put(1, 2)), /header is damaged/],
    ["with another count in its header", edit(account, put(2, 2)), /header is damaged/],
    ["with another size in its header", edit(account, put(6, 1)), /in place of 6145/],
    [
      "with another digest in its header",
      edit(account, (bytes) => bytes.with(46, bytes.at(46)! ^ 1)),
      /one write/
    ],
    ["with another program's header", (raw) => raw.set(account, Buffer.from('{"access":1}')), /no format/],
    ["with an empty header", (raw) => raw.set(account, new Uint8Array()), /no format/]
  ])("%s is said to be, and can be replaced and removed", (_, damage, what) => {
    const raw = holding(record(6144, 1))
    damage(raw)
    try {
      chunked(windows(raw)).get(account)
      assert.fail("it was read")
    } catch (error) {
      assert.instanceOf(error, TornRecord)
      assert.match(String(error), what)
    }
    for (const size of [null, 1, 5120]) {
      const next = new Map(raw)
      change(windows(next), size === null ? null : record(size, 2))
      is(windows(next), size === null ? null : record(size, 2))
      if (size === null) assert.isFalse(next.has(account))
    }
  })

  it("is removed, and was there", () => {
    const raw = holding(record(6144, 1))
    raw.set(account, new Uint8Array())
    assert.isTrue(chunked(windows(raw)).remove(account))
    assertEntries(raw, null)
  })
})

describe("a keyring that does not keep what it is given", () => {
  it("fails the write, and the old record is there", () => {
    for (const { after, before } of changes) {
      if (after === null) continue
      for (const spoil of [
        (bytes: Uint8Array) => (bytes.length === 0 ? Uint8Array.of(1) : bytes.slice(1)),
        () => undefined
      ]) {
        for (let nth = 1, calls = 1; calls >= nth; nth++) {
          const raw = holding(before)
          const entries = windows(raw)
          calls = 0
          const spoiling: Entries = {
            ...entries,
            set: (name, bytes) => {
              const kept = ++calls === nth ? spoil(bytes) : bytes
              if (kept !== undefined) entries.set(name, kept)
            }
          }
          let thrown: unknown
          try {
            change(spoiling, after)
          } catch (error) {
            thrown = error
          }
          if (thrown === undefined) is(entries, calls < nth ? after : before)
          else {
            assert.notInstanceOf(thrown, TornRecord)
            assert.match(String(thrown), /did not store what was written/)
            is(entries, before)
          }
          // Only where nothing was to be changed may a write be lost and not be missed.
          if (calls >= nth && text(before) !== text(after)) assert.isDefined(thrown)
        }
      }
    }
  })
})

describe("records of several accounts", () => {
  const Operation = Schema.Union([
    Schema.Struct({
      op: Schema.Literal("set"),
      account: Schema.Literals(["notion", "notion@work", "linear"]),
      size: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9000 })),
      seed: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))
    }),
    Schema.Struct({
      op: Schema.Literals(["get", "remove"]),
      account: Schema.Literals(["notion", "notion@work", "linear"])
    })
  ])

  it.prop("are what a map of them is", [Schema.Array(Operation)], ([operations]) => {
    const raw: Raw = new Map()
    const entries = chunked(windows(raw))
    const map = new Map<string, Uint8Array>()
    for (const operation of operations) {
      switch (operation.op) {
        case "set": {
          const secret = record(operation.size, operation.seed)
          entries.set(operation.account, secret)
          map.set(operation.account, secret)
          break
        }
        case "remove":
          assert.strictEqual(entries.remove(operation.account), map.delete(operation.account))
          break
        case "get":
          is(windows(raw), map.get(operation.account) ?? null, operation.account)
      }
    }
    for (const name of ["notion", "notion@work", "linear"]) is(windows(raw), map.get(name) ?? null, name)
    const count = [...map.values()].reduce(
      (sum, { length }) => sum + 1 + (length < windowsLimit ? 0 : Math.ceil(length / windowsLimit)),
      0
    )
    assert.strictEqual(raw.size, count)
  })
})
