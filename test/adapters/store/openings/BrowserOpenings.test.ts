import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { layer } from "../../../../src/adapters/store/openings/BrowserOpenings.ts"
import { CredentialKey } from "../../../../src/domain/CredentialKey.ts"
import { UnattendedBrowser } from "../../../../src/ports/UnattendedBrowser.ts"
import { temporaryFolder } from "../../TemporaryFolder.ts"

const key = CredentialKey.of("demo")
/** No process has it: the largest of Linux is 2^22. */
const deadPid = 2 ** 30

/** What processes of one home get, which open browsers one after the other. */
const openings = (directory: string) =>
  UnattendedBrowser.use((browser) => Effect.succeed(browser)).pipe(
    Effect.provide(layer({ directory, mayOpen: true }))
  )

describe("browsers for a sign-in that no user asked for", () => {
  it.effect("open once in ten minutes, for all processes", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_800_000_000_000)
      const directory = yield* temporaryFolder
      const one = yield* openings(directory)
      const other = yield* openings(directory)
      assert.isTrue(yield* one.claim(key))
      assert.isFalse(yield* other.claim(key))
      assert.isTrue(yield* other.claim(CredentialKey.of("demo", "work")))
      yield* TestClock.adjust("9 minutes")
      assert.isFalse(yield* one.claim(key))
      yield* TestClock.adjust("61 seconds")
      assert.isTrue(yield* other.claim(key))
    })
  )

  it.effect("open again at once after a sign-in that succeeded", () =>
    Effect.gen(function* () {
      const one = yield* openings(yield* temporaryFolder)
      assert.isTrue(yield* one.claim(key))
      yield* one.release(key)
      assert.isTrue(yield* one.claim(key))
    })
  )

  it.effect("do not open after a refusal, not even if the process of it has died", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_800_000_000_000)
      const directory = yield* temporaryFolder
      const one = yield* openings(directory)
      assert.isTrue(yield* one.claim(key))
      yield* one.exhaust(key)
      const file = join(directory, key.storageName)
      writeFileSync(file, readFileSync(file, "utf8").replaceAll(` ${process.pid}`, ` ${deadPid}`))
      assert.isFalse(yield* one.claim(key))
      yield* TestClock.adjust("601 seconds")
      assert.isTrue(yield* one.claim(key))
    })
  )

  for (const [name, lines, isOpened] of [
    ["the process of the first has died", (now: number) => `${now} ${deadPid}\n`, true],
    ["two have died", (now: number) => `${now} ${deadPid}\n${now} ${deadPid}\n`, false],
    ["the first is of a clock that was ahead", (now: number) => `${now + 1e9} ${process.pid}\n`, true],
    ["the file is damaged", () => "{", true]
  ] as const) {
    it.effect(`${isOpened ? "open" : "do not open"} if ${name}`, () =>
      Effect.gen(function* () {
        const now = 1_800_000_000_000
        yield* TestClock.setTime(now)
        const directory = yield* temporaryFolder
        writeFileSync(join(directory, key.storageName), lines(now), { mode: 0o600 })
        assert.strictEqual(yield* (yield* openings(directory)).claim(key), isOpened)
      })
    )
  }
})
