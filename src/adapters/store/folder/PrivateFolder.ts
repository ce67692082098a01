import { randomBytes } from "node:crypto"
import { constants } from "node:fs"
import * as fs from "node:fs/promises"
import { join } from "node:path"
import { Clock, Effect, Option, type Scope } from "effect"
import { StorageError } from "../../../ports/CredentialStore.ts"
import { makeFolder } from "../../platform/MakeFolder.ts"
import { attempt, hasModes, inaccessible, sharingRetry } from "./FileAttempt.ts"
import { cachedContent, contentOf, exposure, readTogether } from "./PrivateRead.ts"

/**
 * A folder that only its owner can access, with atomic writes.
 *
 * It uses Node's file system instead of Effect's service, which cannot open a file without following a link, stat an
 * open file, or sync a folder.
 */
export interface PrivateFolder {
  readonly path: string
  /** Reads a file; none if it does not exist. */
  readonly read: (name: string) => Effect.Effect<Option.Option<string>, StorageError>
  /** Reads a file together with another one, at one moment; none if `name` does not exist. */
  readonly readBeside: (
    other: string,
    name: string
  ) => Effect.Effect<Option.Option<readonly [content: string, other: Option.Option<string>]>, StorageError>
  /** Writes a file atomically and durably. */
  readonly replace: (name: string, content: string) => Effect.Effect<void, StorageError>
  /**
   * Reserves space for the next `replace` of a file, until the scope closes: at least one inode and this many bytes. Fails
   * if the disk is full.
   */
  readonly reserve: (name: string, size: number) => Effect.Effect<void, StorageError, Scope.Scope>
  /** Writes a temporary file that can replace `name` later. It is removed with the scope. */
  readonly prepare: (name: string, content: string) => Effect.Effect<Prepared, StorageError, Scope.Scope>
  /** Makes published files durable. */
  readonly sync: Effect.Effect<void, StorageError>
  /** As `replace`, but only if the file does not exist. Returns false if it does. */
  readonly create: (name: string, content: string) => Effect.Effect<boolean, StorageError>
  /** Removes a file. Returns true if there was one. */
  readonly remove: (name: string) => Effect.Effect<boolean, StorageError>
  /** The names in the folder; empty if there is no folder. */
  readonly names: Effect.Effect<ReadonlyArray<string>, StorageError>
}

/** A temporary file that can replace the file of its name. */
export interface Prepared {
  readonly name: string
  readonly publish: Effect.Effect<void, StorageError>
}

/** Temporary files older than this, in milliseconds, belong to a process that died. */
const abandonedAfter = 3_600_000
const temporaryName = /^\.tmp-\d+-[0-9a-f-]+$/

/** Makes a folder durable, after files in it were replaced or removed. */
const syncFolder = (path: string) =>
  hasModes
    ? Effect.acquireUseRelease(
        attempt(() => fs.open(path, constants.O_RDONLY)),
        (folder) => attempt(() => folder.sync()),
        (folder) => Effect.promise(() => folder.close())
      ).pipe(Effect.mapError(inaccessible(path)))
    : // Windows cannot sync a folder, and journals its changes.
      Effect.void

/** Makes the folder where it is missing, and checks that it is private. */
const ensurePrivate = Effect.fnUntraced(function* (path: string) {
  const stats = yield* attempt(async () => {
    makeFolder(path, 0o700)
    return await fs.stat(path)
  }).pipe(Effect.mapError(inaccessible(path)))
  const exposed = exposure(path, stats, "700")
  if (Option.isSome(exposed)) return yield* new StorageError({ reason: exposed.value })
})

/** Removes the temporary files that dead processes have left. Another process may do the same at the same time. */
const sweep = Effect.fnUntraced(
  function* (folder: string) {
    const now = yield* Clock.currentTimeMillis
    for (const name of yield* attempt(() => fs.readdir(folder))) {
      if (!temporaryName.test(name)) continue
      const path = join(folder, name)
      const { mtimeMs } = yield* attempt(() => fs.stat(path))
      if (now - mtimeMs > abandonedAfter) yield* attempt(() => fs.unlink(path))
    }
  },
  (swept) => Effect.ignore(swept)
)

/** Writes a file durably. `wx`: it must be new. `r+`: over the content that it has. `w`: after that is removed. */
const fill = async (path: string, flag: "wx" | "r+" | "w", content: string | Uint8Array) => {
  const file = await fs.open(path, flag, 0o600)
  try {
    await file.writeFile(content, "utf8")
    await file.truncate(Buffer.byteLength(content))
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Writes a file into the space of its reservation. */
const refill = (path: string, content: string) =>
  attempt(() => fill(path, "r+", content)).pipe(
    Effect.catchIf(
      // A file system that copies on write needs new space, and has it once the old one is free.
      ({ code }) => code === "ENOSPC",
      () => attempt(() => fill(path, "w", content))
    ),
    Effect.as(path)
  )

/** Writes a temporary file durably. It is removed with the scope. */
const temporaryFile = Effect.fnUntraced(function* (
  folder: string,
  name: string,
  content: string | Uint8Array
): Effect.fn.Return<string, StorageError, Scope.Scope> {
  yield* ensurePrivate(folder)
  const path = join(folder, `.tmp-${process.pid}-${crypto.randomUUID()}`)
  // If this fails, a later process sweeps the file.
  const remove = attempt(() => fs.rm(path, { force: true })).pipe(Effect.ignore)
  yield* Effect.acquireRelease(
    attempt(() => fill(path, "wx", content)).pipe(Effect.tapError(() => remove)),
    () => remove
  ).pipe(Effect.mapError(inaccessible(join(folder, name))))
  return path
})

/** The private folder at a path. The first write makes it, with mode 0700. */
export const privateFolder = (path: string): PrivateFolder => {
  const at = (name: string) => join(path, name)
  const sync = syncFolder(path)
  const readCached = cachedContent()
  let isSwept = false
  /** The temporary files that reserve space, by the name of the file that they are for. */
  const reserved = new Map<string, string>()

  /** Runs a file operation that returns false if it fails with this code. */
  const unless = (code: string, name: string, run: () => Promise<unknown>) =>
    attempt(run).pipe(
      Effect.as(true),
      Effect.catchIf(
        (failure) => failure.code === code,
        () => Effect.succeed(false)
      ),
      Effect.mapError(inaccessible(at(name)))
    )

  const over = (name: string, from: string) =>
    attempt(() => fs.rename(from, at(name))).pipe(
      Effect.retry({ schedule: sharingRetry, while: ({ code }) => !hasModes && code !== "ENOSPC" }),
      Effect.mapError(inaccessible(at(name)))
    )

  /** Writes a temporary file, publishes it, and leaves nothing behind. */
  const write = <A>(
    name: string,
    content: string,
    publish: (name: string, from: string) => Effect.Effect<A, StorageError>
  ) =>
    Effect.suspend(() => {
      const at = reserved.get(name)
      reserved.delete(name)
      const fresh = temporaryFile(path, name, content)
      return at === undefined ? fresh : refill(at, content).pipe(Effect.catch(() => fresh))
    }).pipe(
      Effect.flatMap((from) => publish(name, from)),
      Effect.tap(sync),
      Effect.scoped,
      Effect.uninterruptible
    )

  return {
    path,
    read: Effect.fn("PrivateFolder.read")((name) =>
      Effect.map(readTogether(path, [[name, contentOf]]), ([content]) => Option.fromUndefinedOr(content))
    ),
    readBeside: (other, name) =>
      Effect.map(
        readTogether(path, [
          [name, contentOf],
          [other, readCached]
        ]),
        ([content, beside]) =>
          content === undefined ? Option.none() : Option.some([content, Option.fromUndefinedOr(beside)])
      ),
    replace: Effect.fn("PrivateFolder.replace")(function* (name, content) {
      yield* write(name, content, over)
      if (isSwept) return
      isSwept = true
      yield* sweep(path)
    }),
    reserve: (name, size) =>
      Effect.acquireRelease(
        // Random, because some file systems store zeros without taking space.
        Effect.tap(temporaryFile(path, name, randomBytes(size)), (from) =>
          Effect.sync(() => reserved.set(name, from))
        ),
        (from) => Effect.sync(() => reserved.get(name) === from && reserved.delete(name))
      ).pipe(Effect.asVoid, Effect.withSpan("PrivateFolder.reserve")),
    prepare: (name, content) =>
      Effect.map(temporaryFile(path, name, content), (from) => ({ name, publish: over(name, from) })),
    sync,
    create: Effect.fn("PrivateFolder.create")((name, content) =>
      write(name, content, (_, from) => unless("EEXIST", name, () => fs.link(from, at(name))))
    ),
    remove: Effect.fn("PrivateFolder.remove")(function* (name) {
      const removed = yield* unless("ENOENT", name, () => fs.unlink(at(name)))
      if (removed) yield* sync
      return removed
    }),
    names: attempt(() => fs.readdir(path)).pipe(
      Effect.catchIf(
        ({ code }) => code === "ENOENT",
        () => Effect.succeed([])
      ),
      Effect.mapError(inaccessible(path)),
      Effect.withSpan("PrivateFolder.names")
    )
  }
}
