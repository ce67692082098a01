import { createSecretKey, type KeyObject } from "node:crypto"
import { DatabaseSync, type SQLInputValue, type SQLOutputValue } from "node:sqlite"
import { Context, Effect, Layer, Redacted } from "effect"
import { BackendError, type StorageBackend, StorageError } from "mcp-cli-oauth"

/** What messages say about this store. */
export const backend: StorageBackend = {
  name: "sqlite",
  label: "the SQLite database",
  lockScope: "machine",
  lasting: true,
  hints: {
    unavailable: [{ _tag: "Advice", text: "Check DATABASE." }],
    locked: [{ _tag: "Advice", text: "Try again." }]
  }
}

/** The SQLite file that all replicas share, and the key that encrypts the records in it. */
export class Database extends Context.Service<
  Database,
  {
    readonly file: string
    readonly key: KeyObject
    /** Runs one statement in its own transaction, and returns its rows. */
    readonly query: (
      sql: string,
      ...parameters: ReadonlyArray<SQLInputValue>
    ) => Effect.Effect<ReadonlyArray<Record<string, SQLOutputValue>>, StorageError>
  }
>()("web-server/Database") {}

const tables = `
  PRAGMA synchronous = FULL;
  CREATE TABLE IF NOT EXISTS records (
    kind TEXT NOT NULL, name TEXT NOT NULL, sealed BLOB NOT NULL, expires_at REAL, PRIMARY KEY (kind, name)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS leases (
    name TEXT PRIMARY KEY, owner TEXT NOT NULL, expires_at REAL NOT NULL
  ) STRICT;
`

/**
 * Opens the file, and creates the tables if they are missing.
 *
 * @param options.key 32 bytes in base64, for AES-256-GCM
 */
export const layer = (options: {
  readonly file: string
  readonly key: Redacted.Redacted
}): Layer.Layer<Database, StorageError> =>
  Layer.effect(
    Database,
    Effect.gen(function* () {
      const { file } = options
      const attempt = <A>(run: () => A) =>
        Effect.try({
          try: run,
          // The message of SQLite names tables and columns, and never a value.
          catch: (cause) => new StorageError({ reason: new BackendError({ backend, detail: String(cause) }) })
        })
      const database = yield* Effect.acquireRelease(
        attempt(() => new DatabaseSync(file, { timeout: 5000 })),
        (database) => Effect.sync(() => database.close())
      )
      yield* attempt(() => database.exec(tables))
      return Database.of({
        file,
        key: createSecretKey(Redacted.value(options.key), "base64"),
        query: (sql, ...parameters) => attempt(() => database.prepare(sql).all(...parameters))
      })
    })
  )
