import { type ChildProcess, spawn } from "node:child_process"
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, type Scope } from "effect"
import * as ProcessLock from "../../../src/adapters/lock/ProcessLock.ts"
import { CredentialKey } from "../../../src/domain/CredentialKey.ts"
import { CredentialLock } from "../../../src/ports/CredentialLock.ts"
import { temporaryFolder } from "../TemporaryFolder.ts"

const program = fileURLToPath(new URL("holder.ts", import.meta.url))
const key = CredentialKey.of("notion")

/** A process of its own that works on the lock of `notion`. */
const holder = (...args: ReadonlyArray<string>): Effect.Effect<ChildProcess, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => spawn(process.execPath, [program, ...args], { stdio: ["ignore", "pipe", "inherit"] })),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )
const says = (child: ChildProcess, word: string) =>
  Effect.callback<void>((resume) => {
    child.stdout?.on("data", (chunk: Buffer) => {
      if (chunk.toString().includes(word)) resume(Effect.void)
    })
  })
const ended = (child: ChildProcess) =>
  Effect.callback<number | null>((resume) => {
    child.once("close", (code) => resume(Effect.succeed(code)))
  })

describe("the lock among processes", () => {
  it.live("lets one of eight processes in at a time", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const journal = join(folder, "journal")
      writeFileSync(journal, "")
      const codes = yield* Effect.forEach(
        Array.from({ length: 8 }),
        () => Effect.flatMap(holder("visit", join(folder, "locks"), journal), ended),
        { concurrency: "unbounded" }
      )
      assert.deepEqual(
        codes,
        Array.from({ length: 8 }, () => 0)
      )
      const lines = readFileSync(journal, "utf8").trim().split("\n")
      assert.strictEqual(lines.length, 8 * 5 * 2)
      for (let at = 0; at < lines.length; at += 2) {
        const [entered, left] = [lines[at], lines[at + 1]]
        assert.strictEqual(entered?.replace("in ", ""), left?.replace("out ", ""))
      }
      for (const name of readdirSync(join(folder, "locks"))) {
        assert.strictEqual(statSync(join(folder, "locks", name)).mode & 0o777, 0o600)
      }
    })
  )

  it.live("is free as soon as its holder is killed", () =>
    Effect.gen(function* () {
      const directory = join(yield* temporaryFolder, "locks")
      const child = yield* holder("hold", directory)
      yield* says(child, "held")
      const waiting = yield* CredentialLock.use((lock) =>
        lock.withLock(key, "refresh")(Effect.succeed("in"))
      ).pipe(Effect.provide(ProcessLock.layer({ directory })), Effect.forkChild)
      child.kill("SIGKILL")
      assert.strictEqual(yield* Fiber.join(waiting), "in")
    })
  )

  it.live("is waited for only so long, and says whose it is", () =>
    Effect.gen(function* () {
      const directory = join(yield* temporaryFolder, "locks")
      const child = yield* holder("hold", directory)
      yield* says(child, "held")
      const error = yield* CredentialLock.use((lock) => lock.withLock(key, "refresh")(Effect.void)).pipe(
        Effect.provide(
          ProcessLock.layer({
            directory,
            timeout: { refresh: "100 millis", "sign-in": "100 millis", store: "100 millis" }
          })
        ),
        Effect.flip
      )
      assert.strictEqual(error._tag, "LockError")
      assert.include(error.message, "notion")
    })
  )

  it.live("says so where it cannot be made at all", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      writeFileSync(join(folder, "file"), "")
      const error = yield* CredentialLock.use((lock) => lock.withLock(key, "refresh")(Effect.void)).pipe(
        Effect.provide(ProcessLock.layer({ directory: join(folder, "file", "locks") })),
        Effect.flip
      )
      assert.include(error.message, "cannot be locked")
    })
  )
})
