import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import {
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { join } from "node:path"
import { Worker } from "node:worker_threads"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Fiber, Layer, type Scope } from "effect"
import * as ProcessLock from "../../../src/adapters/lock/ProcessLock.ts"
import { errorText } from "../../../src/app/cli/RemedyText.ts"
import { CredentialKey } from "../../../src/domain/CredentialKey.ts"
import { CredentialLock } from "../../../src/ports/CredentialLock.ts"
import { temporaryFolder } from "../TemporaryFolder.ts"

const program = fileURLToPath(new URL("holder.ts", import.meta.url))
const module = new URL("../../../src/adapters/lock/ProcessLock.ts", import.meta.url).pathname
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
const shortly = { refresh: "100 millis", "sign-in": "100 millis", store: "100 millis" } as const

type Lock = CredentialLock["Service"]

/** A lock of its own in this thread, as a second stack of layers has. */
const lockIn = (directory: string, copy = ProcessLock): Effect.Effect<Lock, never, Scope.Scope> =>
  Effect.map(Layer.build(Layer.fresh(copy.layer({ directory, timeout: shortly }))), (context) =>
    Context.get(context, CredentialLock)
  )

/** Takes the lock and releases it again. */
const tries = (lock: Lock) =>
  Effect.match(lock.withLock(key, "refresh")(Effect.void), {
    onFailure: () => "refused",
    onSuccess: () => "taken"
  })

const said = (stream: NodeJS.ReadableStream | null) =>
  Effect.callback<string>((resume) => {
    stream?.once("data", (chunk: Buffer) => resume(Effect.succeed(chunk.toString().trim())))
  })

/** Who can try to take a lock that this thread holds. */
const contenders: Readonly<Record<string, (directory: string) => Effect.Effect<string, never, Scope.Scope>>> =
  {
    "another copy of the package in this thread": (directory) =>
      Effect.promise((): Promise<typeof ProcessLock> => import(`${module}?copy`)).pipe(
        Effect.flatMap((copy) => {
          assert.notStrictEqual(copy.layer, ProcessLock.layer)
          return Effect.flatMap(lockIn(directory, copy), tries)
        })
      ),
    "a worker thread of this process": (directory) =>
      Effect.acquireRelease(
        Effect.sync(() => new Worker(program, { argv: ["try", directory], stdout: true })),
        (worker) => Effect.promise(() => worker.terminate())
      ).pipe(Effect.flatMap(({ stdout }) => said(stdout))),
    "another process": (directory) => Effect.flatMap(holder("try", directory), ({ stdout }) => said(stdout))
  }

/** Holds the lock in this thread until `release`. */
const held = Effect.fnUntraced(function* (directory: string) {
  const lock = yield* lockIn(directory)
  const [entered, left] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
  const fiber = yield* Effect.forkScoped(
    lock.withLock(key, "refresh")(Effect.andThen(Deferred.succeed(entered, undefined), Deferred.await(left)))
  )
  yield* Deferred.await(entered)
  const release = Effect.andThen(Deferred.succeed(left, undefined), Fiber.join(fiber))
  return { lock, release }
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
        Effect.provide(ProcessLock.layer({ directory, timeout: shortly })),
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

  it.live.each(Object.entries(contenders))(
    "refuses %s, and still excludes other processes after that",
    ([, contend]) =>
      Effect.gen(function* () {
        const directory = join(yield* temporaryFolder, "locks")
        const { release } = yield* held(directory)
        assert.strictEqual(yield* contend(directory), "refused")
        assert.strictEqual(yield* contenders["another process"]!(directory), "refused")
        yield* release
        assert.strictEqual(yield* contend(directory), "taken")
      })
  )

  it.live(
    "lets a second stack of this thread in after the first, and excludes other processes meanwhile",
    () =>
      Effect.gen(function* () {
        const directory = join(yield* temporaryFolder, "locks")
        const { release } = yield* held(directory)
        const second = yield* Effect.forkChild(Effect.flatMap(lockIn(directory), tries), {
          startImmediately: true
        })
        assert.strictEqual(yield* contenders["another process"]!(directory), "refused")
        assert.isUndefined(second.pollUnsafe())
        yield* release
        assert.strictEqual(yield* Fiber.join(second), "taken")
      }).pipe(Effect.scoped)
  )

  it.live("excludes other processes after a second stack of the same process has closed", () =>
    Effect.gen(function* () {
      const directory = join(yield* temporaryFolder, "locks")
      const { release } = yield* held(directory)
      yield* Effect.scoped(
        Effect.flatMap(lockIn(directory), (lock) => lock.withLock(key, "sign-in")(Effect.void))
      )
      assert.strictEqual(yield* contenders["another process"]!(directory), "refused")
      yield* release
      assert.strictEqual(yield* contenders["another process"]!(directory), "taken")
    })
  )

  it.live("notices that its file was removed, and that another process has the new one", () =>
    Effect.gen(function* () {
      const directory = join(yield* temporaryFolder, "locks")
      const { lock } = yield* held(directory)
      yield* lock.confirm!(key, "refresh")
      rmSync(directory, { recursive: true })
      const removed = yield* Effect.flip(lock.confirm!(key, "refresh"))
      assert.include(removed.message, "was removed while it was in use")
      const child = yield* holder("hold", directory)
      yield* says(child, "held")
      assert.strictEqual((yield* Effect.flip(lock.confirm!(key, "refresh"))).message, removed.message)
    })
  )

  it.live("waits at the new file after the one it waited for was removed", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const [directory, replacement] = [join(folder, "locks"), join(folder, "replacement")]
      const second = yield* holder("hold", replacement)
      yield* says(second, "held")
      const first = yield* holder("hold", directory)
      yield* says(first, "held")
      const waiting = yield* CredentialLock.use((lock) =>
        lock.withLock(key, "refresh")(Effect.succeed("in"))
      ).pipe(
        Effect.provide(ProcessLock.layer({ directory, timeout: { ...shortly, refresh: "2 seconds" } })),
        Effect.flip,
        Effect.forkChild
      )
      assert.strictEqual(yield* contenders["another process"]!(directory), "refused")
      rmSync(directory, { recursive: true })
      renameSync(replacement, directory)
      first.kill("SIGKILL")
      // The second process still has it.
      assert.include((yield* Fiber.join(waiting)).message, "did not finish in time")
    })
  )

  it.live.each<readonly [string, (path: string, other: string) => void]>([
    ["a link", (path, other) => symlinkSync(other, path)],
    ["a pipe", (path) => void execFileSync("mkfifo", [path])],
    ["a folder", (path) => void mkdirSync(path)],
    ["a file with other content", (path) => writeFileSync(path, "content")],
    ["another file by a second name", (path, other) => linkSync(other, path)]
  ])("does not follow, wait for or change what is no lock file: %s", ([, place]) =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const other = join(folder, "other")
      const path = join(folder, "notion.refresh")
      writeFileSync(other, "content")
      place(path, other)
      const lock = yield* lockIn(folder)
      const error = yield* Effect.flip(lock.withLock(key, "refresh")(Effect.void))
      assert.strictEqual(
        errorText(error),
        `The credential of notion cannot be locked: ${path} is no lock file of mcp-cli.\nDelete it, then try again.`
      )
      assert.strictEqual(readFileSync(other, "utf8"), "content")
    })
  )
})
