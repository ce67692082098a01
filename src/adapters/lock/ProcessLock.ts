import { constants } from "node:fs"
import * as fs from "node:fs/promises"
import { join } from "node:path"
import type { DatabaseSync } from "node:sqlite"
import { type Duration, Effect, Layer, Schedule, Scope } from "effect"
import type { CredentialKey } from "../../domain/CredentialKey.ts"
import { CredentialLock, LockError, type LockPurpose } from "../../ports/CredentialLock.ts"
import { makeMutexes, withMutex } from "./KeyedMutex.ts"

/** Where the lock files are, and how long a lock is waited for. */
export interface ProcessLockOptions {
  /** A folder for lock files only. Created with mode 0700 if it is missing. */
  readonly directory: string
  /** Absent: one minute, or six for a sign-in, since a user may take five. */
  readonly timeout?: Readonly<Record<LockPurpose, Duration.Input>>
}

/** Time between two attempts to take a lock that another process holds. */
const polling = Schedule.spaced("40 millis").pipe(Schedule.jittered)

class Busy {
  readonly _tag = "Busy"
}

/**
 * Loads SQLite without the warning of Node 22 that it is experimental. Only its file lock is used here, which is as old as
 * SQLite itself.
 */
const loadSqlite = async (): Promise<typeof import("node:sqlite")> => {
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

const detailOf = (cause: unknown): string =>
  cause instanceof Error && "code" in cause ? String(cause.code) : "unknown error"

const nameOf = (key: CredentialKey, purpose: LockPurpose): string =>
  purpose === "store" ? "every server" : key.server

const isBusy = (cause: unknown): boolean =>
  cause instanceof Error && "errcode" in cause && (cause.errcode === 5 || cause.errcode === 6)

/**
 * Locks among processes: an exclusive SQLite transaction on an empty file. The kernel holds the lock, so it is released as
 * soon as its holder ends, even by a crash. A process that was only paused still holds it when it continues. Fibers of one
 * process first wait for each other.
 */
export const layer = (options: ProcessLockOptions): Layer.Layer<CredentialLock> =>
  Layer.effect(
    CredentialLock,
    Effect.gen(function* () {
      const timeout = options.timeout ?? { refresh: "1 minute", "sign-in": "6 minutes", store: "1 minute" }
      const mutexes = yield* makeMutexes

      const refuse = (key: CredentialKey) => (cause: unknown) =>
        new LockError({ name: key.server, detail: `${options.directory}: ${detailOf(cause)}` })

      /** Creates the file, readable by its owner only, before SQLite opens it. */
      const prepare = (key: CredentialKey, file: string) =>
        Effect.tryPromise({
          try: async () => {
            await fs.mkdir(options.directory, { recursive: true, mode: 0o700 })
            const handle = await fs.open(
              file,
              constants.O_CREAT | constants.O_RDWR | (constants.O_NOFOLLOW ?? 0),
              0o600
            )
            await handle.close()
            return await loadSqlite()
          },
          catch: refuse(key)
        })

      const open = (key: CredentialKey, sqlite: typeof import("node:sqlite"), file: string) =>
        Effect.acquireRelease(
          Effect.try({ try: () => new sqlite.DatabaseSync(file, { timeout: 0 }), catch: refuse(key) }),
          // Closing ends the transaction and with it the lock.
          (database) => Effect.sync(() => database.close())
        )

      const begin = (key: CredentialKey, database: DatabaseSync) =>
        Effect.try({
          try: () => database.exec("BEGIN EXCLUSIVE"),
          catch: (cause) => (isBusy(cause) ? new Busy() : refuse(key)(cause))
        })

      const acquire = (
        key: CredentialKey,
        purpose: LockPurpose
      ): Effect.Effect<void, LockError, Scope.Scope> =>
        Effect.gen(function* () {
          const file = join(options.directory, `${key.storageName}.${purpose}.lock`)
          const sqlite = yield* prepare(key, file)
          const database = yield* open(key, sqlite, file)
          yield* begin(key, database).pipe(
            // The schedule ends the wait. A timeout around it could not, in an uninterruptible region.
            Effect.retry({
              schedule: polling.pipe(Schedule.upTo({ duration: timeout[purpose] })),
              while: (error) => error._tag === "Busy"
            }),
            Effect.catchTag("Busy", () => new LockError({ name: nameOf(key, purpose) }))
          )
        })

      return CredentialLock.of({
        withLock: (key, purpose) => (effect) =>
          Effect.scopedWith((scope) =>
            Effect.andThen(Effect.provideService(acquire(key, purpose), Scope.Scope, scope), effect)
          ).pipe(withMutex(mutexes, `${key.storageName} ${purpose}`))
      })
    })
  )
