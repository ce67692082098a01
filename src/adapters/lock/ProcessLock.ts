import { constants } from "node:fs"
import * as fs from "node:fs/promises"
import { join } from "node:path"
import type { DatabaseSync } from "node:sqlite"
import { type Duration, Effect, Layer, Schedule, type Scope, Semaphore } from "effect"
import type { CredentialKey } from "../../domain/CredentialKey.ts"
import { CredentialLock, LockError, type LockPurpose } from "../../ports/CredentialLock.ts"

/** Where the locks are, and how long they are waited for. */
export interface ProcessLockOptions {
  /** A folder of our own, made 0700 where it is missing. */
  readonly directory: string
  /** Absent: one minute, and for a sign-in the six that a user may take. */
  readonly timeout?: Readonly<Record<LockPurpose, Duration.Input>>
}

/** How often a lock that another process holds is looked at. */
const polling = Schedule.spaced("40 millis").pipe(Schedule.jittered)

class Busy {
  readonly _tag = "Busy"
}

/**
 * Node 22 warns that its SQLite is experimental, once, when it is loaded. All that is used of it here is a file lock,
 * which is as old as SQLite; the user at the terminal is spared that one line.
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
 * Locks among processes: an exclusive SQLite transaction on an empty file. The lock is the kernel's, so it ends the
 * moment that its holder does, however it ends; nobody has to guess whether a holder is dead, and one that was only
 * paused still has it when it goes on. Fibers of one process queue for it among themselves first.
 */
export const layer = (options: ProcessLockOptions): Layer.Layer<CredentialLock> =>
  Layer.sync(CredentialLock, () => {
    const timeout = options.timeout ?? { refresh: "1 minute", "sign-in": "6 minutes", store: "1 minute" }
    const mutexes = new Map<string, Semaphore.Semaphore>()
    const mutexOf = (name: string) => {
      const mutex = mutexes.get(name) ?? Semaphore.makeUnsafe(1)
      mutexes.set(name, mutex)
      return mutex
    }

    const refuse = (key: CredentialKey) => (cause: unknown) =>
      new LockError({ name: key.server, detail: `${options.directory}: ${detailOf(cause)}` })

    /** Makes the file, readable by its owner only, before SQLite opens it. */
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

    const acquire = (key: CredentialKey, purpose: LockPurpose): Effect.Effect<void, LockError, Scope.Scope> =>
      Effect.gen(function* () {
        const file = join(options.directory, `${key.storageName}.${purpose}.lock`)
        const sqlite = yield* prepare(key, file)
        const database = yield* open(key, sqlite, file)
        yield* begin(key, database).pipe(
          // The schedule ends the wait by itself: where nothing may be interrupted, no time limit around it would.
          Effect.retry({
            schedule: polling.pipe(Schedule.upTo({ duration: timeout[purpose] })),
            while: (error) => error._tag === "Busy"
          }),
          Effect.catchTag("Busy", () => new LockError({ name: nameOf(key, purpose) }))
        )
      })

    return CredentialLock.of({
      withLock: (key, purpose) => (effect) =>
        mutexOf(`${key.storageName} ${purpose}`).withPermit(
          Effect.scoped(Effect.andThen(acquire(key, purpose), effect))
        )
    })
  })
