import { randomUUID } from "node:crypto"
import { Data, Effect, Option, Result } from "effect"
import type { StorageError } from "../../../ports/CredentialStore.ts"
import type { Fields, Found, KeyValue } from "./KeyValue.ts"

/** A record at a version that another write may replace. */
export type Snapshot = Pick<Found, "fields" | "version">

/** A record as it was written. */
export interface Written {
  readonly version: number
  readonly fields: Fields
}

/** Changes a record. */
export type Change = (fields: Fields) => Fields

/** Writes of records by check-and-set on their versions. */
export interface RecordWrites {
  /** Replaces a record at one of these versions. Fails with what is there instead. */
  readonly replace: (
    name: string,
    fields: Fields,
    over: ReadonlyArray<number>
  ) => Effect.Effect<Result.Result<Written, Found>, StorageError>
  /** Replaces a version of a record; none if the record is at another version by now. */
  readonly writeOver: (
    name: string,
    fields: Fields,
    over: number
  ) => Effect.Effect<Option.Option<Written>, StorageError>
  /**
   * The version of a record at which a process without its lease may change the content; none if another write was first. The
   * first write over the lease of another process changes nothing: that process may write new tokens over it unread.
   */
  readonly pastLease: (name: string, found: Snapshot) => Effect.Effect<Option.Option<number>, StorageError>
  /** Changes a record, and leaves the lease of another process on it as it is; none if another write was first. */
  readonly writeBeside: (
    name: string,
    found: Snapshot,
    change: Change
  ) => Effect.Effect<Option.Option<Written>, StorageError>
}

/** Ends the writes of one record at several versions: one of them has succeeded. */
class Done extends Data.TaggedClass("Done")<{ readonly version: number }> {}

/** The writes of one key-value engine. */
export const makeRecordWrites = (engine: KeyValue): RecordWrites => {
  /**
   * Writes at the one of these versions that the record is at. Tokens are written at all of them at once: each write may wait long
   * for its answer. A removal that arrives after the other one could empty the next record, whose versions start over.
   */
  const writeAt = (name: string, fields: Fields, over: ReadonlyArray<number>) => {
    const concurrency = fields["record"] === undefined ? 1 : over.length
    return Effect.forEach(
      over,
      (version) =>
        engine.write(name, fields, version).pipe(
          Effect.flatMap(
            Option.match({
              onNone: () => Effect.void,
              onSome: (written) => Effect.fail(new Done({ version: written }))
            })
          ),
          concurrency > 1 ? Effect.interruptible : (write) => write
        ),
      { concurrency, discard: true }
    ).pipe(
      Effect.as(Option.none<number>()),
      Effect.catchTag("Done", ({ version }) => Effect.succeedSome(version))
    )
  }

  const replace: RecordWrites["replace"] = Effect.fnUntraced(function* (name, fields, over) {
    const named: Fields = { ...fields, write: randomUUID() }
    const written = yield* writeAt(name, named, over)
    if (Option.isSome(written)) return Result.succeed({ version: written.value, fields: named })
    // A lost response may have been a success: the name of the write, in the record itself, tells.
    const found = yield* engine.read(name)
    return found.fields?.["write"] === named["write"]
      ? Result.succeed({ version: found.version, fields: named })
      : Result.fail(found)
  })

  const writeOver: RecordWrites["writeOver"] = (name, fields, over) =>
    Effect.map(replace(name, fields, [over]), Result.getSuccess)

  const pastLease: RecordWrites["pastLease"] = (name, { fields, version }) =>
    fields?.["lease"] === undefined
      ? Effect.succeedSome(version)
      : Effect.map(
          writeOver(name, fields, version),
          Option.map((written) => written.version)
        )

  return {
    replace,
    writeOver,
    pastLease,
    writeBeside: Effect.fnUntraced(function* (name, found, change) {
      const over = yield* pastLease(name, found)
      return Option.isNone(over)
        ? Option.none()
        : yield* writeOver(name, change(found.fields ?? {}), over.value)
    })
  }
}
