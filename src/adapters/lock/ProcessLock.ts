import { createHash, randomUUID } from "node:crypto"
import { chmodSync, lstatSync } from "node:fs"
import * as fs from "node:fs/promises"
import { join, resolve } from "node:path"
import { type Duration, Effect, Layer, Schedule, Scope } from "effect"
import type { CredentialKey } from "../../domain/CredentialKey.ts"
import * as Remedy from "../../domain/Remedy.ts"
import { CredentialLock, LockError, type LockPurpose } from "../../ports/CredentialLock.ts"
import { codeOf, explainErrno, remediesOfStore } from "../platform/Errno.ts"
import { makeFolder } from "../platform/MakeFolder.ts"
import { makeMutexes, type Mutexes, withMutex } from "./KeyedMutex.ts"
import { machineId } from "./MachineId.ts"

/** Where the lock files are, and how long a lock is waited for. */
export interface ProcessLockOptions {
  /** A folder for lock files only. Created with mode 0700 if it is missing. */
  readonly directory: string
  /** Absent: one minute, or six for a sign-in, since a user may take five. */
  readonly timeout?: Readonly<Record<LockPurpose, Duration.Input>>
}

type Sqlite = typeof import("node:sqlite")

/** Time between two attempts to take a lock that another process holds. */
const polling = Schedule.spaced("40 millis").pipe(Schedule.jittered)

let mutexesOfThread: Mutexes | undefined

/**
 * The mutexes among the fibers of this thread, for every stack of layers in it. Without them, one that takes a lock again and
 * again would leave no gap for another one that polls.
 */
const sharedMutexes = Effect.suspend(() => {
  if (mutexesOfThread !== undefined) return Effect.succeed(mutexesOfThread)
  return makeMutexes.pipe(
    Effect.provideService(Scope.Scope, Scope.makeUnsafe()),
    Effect.tap((mutexes) =>
      Effect.sync(() => {
        mutexesOfThread = mutexes
      })
    )
  )
})

/** Another connection holds the lock, or its file was replaced. */
class Busy {
  readonly _tag = "Busy"
}

/**
 * Loads SQLite without the warning of Node 22 that it is experimental. Only its file lock is used here, which is as old as
 * SQLite itself.
 */
const loadSqlite = async (): Promise<Sqlite> => {
  const { emitWarning } = process
  process.emitWarning = (warning: string | Error, ...rest: ReadonlyArray<unknown>) => {
    if (!String(warning).startsWith("SQLite is an experimental"))
      Reflect.apply(emitWarning, process, [warning, ...rest])
  }
  try {
    return await import("node:sqlite")
  } finally {
    process.emitWarning = emitWarning
  }
}

const nameOf = (key: CredentialKey, purpose: LockPurpose): string =>
  purpose === "store" ? "every server" : key.server

// Primary result codes of SQLite: SQLITE_BUSY and SQLITE_LOCKED, SQLITE_FULL, SQLITE_NOTADB.
const busy = [5, 6]
const full = [13]
const notDatabase = [26]

/** What is at the path of a lock is no lock: a link, a pipe, a folder, or a file with other content. */
class NoLockFile {
  readonly _tag = "NoLockFile"
}

const hasErrcode = (cause: unknown, codes: ReadonlyArray<number>): boolean =>
  cause instanceof Error && "errcode" in cause && codes.includes(Number(cause.errcode) & 0xff)

/** Which file is at a path; absent: none. Throws `NoLockFile` for a link, and for what is no file. */
const fileAt = (path: string): string | undefined => {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  if (stats === undefined) return undefined
  if (!stats.isFile()) throw new NoLockFile()
  return `${stats.dev} ${stats.ino}`
}

/** Fails with the reason of the file system if a folder cannot take another file. SQLite names no reason. */
const tryFolder = async (directory: string): Promise<void> => {
  const path = join(directory, `.tmp-${randomUUID()}`)
  await fs.writeFile(path, "", { flag: "wx", mode: 0o600 })
  await fs.unlink(path)
}

/**
 * Locks among processes: an exclusive SQLite transaction on an empty file. The kernel holds the lock, so it is released as
 * soon as its holder ends, even by a crash. A process that was only paused still holds it when it continues. Fibers of one
 * thread first wait for each other, without a timeout.
 *
 * **Gotchas**
 *
 * A POSIX lock belongs to a process, and ends when the process closes *any* descriptor of the file. SQLite knows this: its
 * connections share the locks of a file in the whole process, in worker threads and for other copies of this module. So only
 * SQLite opens the file, even to create it.
 *
 * A lock on a removed file excludes no later process. So the file at the path is compared before and after.
 */
export const layer = (options: ProcessLockOptions): Layer.Layer<CredentialLock> =>
  Layer.effect(
    CredentialLock,
    Effect.gen(function* () {
      const timeout = options.timeout ?? { refresh: "1 minute", "sign-in": "6 minutes", store: "1 minute" }
      const mutexes = yield* sharedMutexes
      /** The files of the locks that this layer holds. */
      const held = new Map<string, string>()

      const pathOf = (key: CredentialKey, purpose: LockPurpose) =>
        resolve(options.directory, `${key.storageName}.${purpose}`)

      const refuse = (key: CredentialKey, path: string) => (cause: unknown) => {
        if (cause instanceof NoLockFile || hasErrcode(cause, notDatabase)) {
          return new LockError({
            name: key.server,
            detail: `${path} is no lock file of mcp-cli`,
            fixes: [Remedy.advice("Delete it, then try again.")]
          })
        }
        const code = hasErrcode(cause, full) ? "ENOSPC" : codeOf(cause)
        const detail =
          code === "ERR_SQLITE_ERROR" && cause instanceof Error ? cause.message : explainErrno(code)
        return new LockError({
          name: key.server,
          detail: `${options.directory}: ${detail}`,
          fixes: remediesOfStore(code)
        })
      }

      /** Creates the file if it is missing, readable by its owner only. */
      const create = (key: CredentialKey, sqlite: Sqlite, path: string) =>
        Effect.tryPromise({
          try: async () => {
            if (fileAt(path) !== undefined) return
            makeFolder(options.directory, 0o700)
            await tryFolder(options.directory)
            new sqlite.DatabaseSync(path).close()
            chmodSync(path, 0o600)
          },
          catch: refuse(key, path)
        })

      /** Takes the lock for the scope. Fails with `Busy` if another connection has it, or its file was replaced. */
      const take = (key: CredentialKey, sqlite: Sqlite, path: string) =>
        Effect.acquireRelease(
          Effect.try({
            try: () => {
              const file = fileAt(path)
              if (file === undefined) throw new Busy()
              const database = new sqlite.DatabaseSync(path, { timeout: 0 })
              try {
                // Otherwise SQLite makes a journal beside the file, which a full disk prevents and a crash leaves behind.
                database.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE")
                if (fileAt(path) !== file) throw new Busy()
              } catch (cause) {
                database.close()
                throw cause
              }
              held.set(path, file)
              return database
            },
            catch: (cause) =>
              cause instanceof Busy || hasErrcode(cause, busy) ? new Busy() : refuse(key, path)(cause)
          }),
          (database) =>
            Effect.sync(() => {
              held.delete(path)
              // Closing ends the transaction and with it the lock.
              database.close()
            })
        )

      const acquire = (
        key: CredentialKey,
        purpose: LockPurpose
      ): Effect.Effect<void, LockError, Scope.Scope> =>
        Effect.gen(function* () {
          const path = pathOf(key, purpose)
          const sqlite = yield* Effect.tryPromise({ try: loadSqlite, catch: refuse(key, path) })
          yield* create(key, sqlite, path).pipe(
            Effect.andThen(take(key, sqlite, path)),
            // The schedule ends the wait. A timeout around it could not, in an uninterruptible region.
            Effect.retry({
              schedule: polling.pipe(Schedule.upTo({ duration: timeout[purpose] })),
              while: (error) => error._tag === "Busy"
            }),
            Effect.catchTag("Busy", () => new LockError({ name: nameOf(key, purpose) }))
          )
        })

      const identify = (key: CredentialKey, purpose: LockPurpose): string | undefined => {
        const path = pathOf(key, purpose)
        const file = held.get(path)
        return file && createHash("sha256").update(`${machineId()} ${file} ${path}`).digest("base64url")
      }

      return CredentialLock.of({
        identify,
        withLock: (key, purpose) => (effect) =>
          Effect.scopedWith((scope) =>
            Effect.andThen(Effect.provideService(acquire(key, purpose), Scope.Scope, scope), effect)
          ).pipe(withMutex(mutexes, pathOf(key, purpose))),
        confirm: (key, purpose) =>
          Effect.gen(function* () {
            const path = pathOf(key, purpose)
            const file = yield* Effect.try({ try: () => fileAt(path), catch: refuse(key, path) })
            if (file === undefined || file !== held.get(path)) {
              return yield* new LockError({
                name: nameOf(key, purpose),
                detail: `${path} was removed while it was in use`,
                fixes: [Remedy.advice("Try again, and leave that folder alone.")]
              })
            }
          })
      })
    })
  )
