import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  type Stats,
  statSync
} from "node:fs"
import * as fs from "node:fs/promises"
import { join } from "node:path"
import { Clock, Effect, Option, Schedule, type Scope } from "effect"
import { StorageError } from "../../../ports/CredentialStore.ts"
import { InsecurePermissions, Inaccessible } from "../../../ports/StorageFailure.ts"
import { codeOf, explainErrno } from "../../platform/Errno.ts"

/**
 * A folder that only its owner can look into, and whole files in it. Node's own file system is used instead of Effect's
 * service for three things that one lacks: opening without following a link, looking at what was opened, and
 * bringing a folder to the disk.
 */
export interface PrivateFolder {
  readonly path: string
  /** The content of a file; none where there is none. */
  readonly read: (name: string) => Effect.Effect<Option.Option<string>, StorageError>
  /** As `read`, with the content of another file at that moment; none where there is no `name`. */
  readonly readBeside: (
    other: string,
    name: string
  ) => Effect.Effect<Option.Option<readonly [content: string, other: Option.Option<string>]>, StorageError>
  /** Writes a file as a whole in place of what is there, and brings it to the disk. */
  readonly replace: (name: string, content: string) => Effect.Effect<void, StorageError>
  /** Brings a file to the disk that is to replace another, but does not replace it yet; gone with the scope. */
  readonly prepare: (name: string, content: string) => Effect.Effect<Prepared, StorageError, Scope.Scope>
  /** Brings to the disk which files are there: what was published counts from then on. */
  readonly sync: Effect.Effect<void, StorageError>
  /** As `replace`, where there is no such file yet; false, and nothing written, where there is one. */
  readonly create: (name: string, content: string) => Effect.Effect<boolean, StorageError>
  /** Removes a file; true where there was one. */
  readonly remove: (name: string) => Effect.Effect<boolean, StorageError>
  /** The names in the folder; none where there is no folder. */
  readonly names: Effect.Effect<ReadonlyArray<string>, StorageError>
}

/** A file that waits to replace the one of its name. */
export interface Prepared {
  readonly name: string
  readonly publish: Effect.Effect<void, StorageError>
}

const hasModes = process.platform !== "win32"
const owner = process.getuid?.()

/** Temporary files older than this, in milliseconds, belong to a writer that died. */
const abandonedAfter = 3_600_000
const temporary = /^\.tmp-\d+-[0-9a-f-]+$/

/** Windows refuses to replace or open a file that a virus scanner has open for a moment. */
const sharing = Schedule.exponential("10 millis").pipe(Schedule.upTo({ times: 6 }))

class Failed {
  readonly code: string | undefined
  constructor(code: string | undefined) {
    this.code = code
  }
}

class FailedAt {
  readonly target: string
  readonly failed: Failed
  constructor(target: string, failed: Failed) {
    this.target = target
    this.failed = failed
  }
}

const attempt = <A>(run: () => Promise<A>): Effect.Effect<A, Failed> =>
  Effect.tryPromise({ try: run, catch: (cause) => new Failed(codeOf(cause)) })

/** Waits until nobody else has the file open, on the one system where that matters. */
const whileShared = <A, E>(read: Effect.Effect<A, E | FailedAt>): Effect.Effect<A, E | FailedAt> =>
  hasModes
    ? read
    : Effect.retry(read, {
        schedule: sharing,
        while: (error) => error instanceof FailedAt && error.failed.code === "EBUSY"
      })

/** What is wrong with the owner or mode of something that holds secrets. */
const exposure = (
  path: string,
  stats: { readonly mode: number; readonly uid: number },
  mode: "600" | "700"
) => {
  if (!hasModes) return Option.none()
  if (stats.uid !== owner) {
    return Option.some(
      new InsecurePermissions({ path, detail: "belongs to another user: use a folder of your own" })
    )
  }
  return (stats.mode & 0o077) === 0
    ? Option.none()
    : Option.some(
        new InsecurePermissions({ path, detail: `can be read by others. Run: chmod ${mode} '${path}'` })
      )
}

/** What a file is found to be; none: it is not there. */
type Found = Option.Option<string> | InsecurePermissions | Failed

const foundBy = (find: () => Found): Found => {
  try {
    return find()
  } catch (cause) {
    const code = codeOf(cause)
    return code === "ENOENT" ? Option.none() : new Failed(code)
  }
}

/**
 * The content of a file. It is read without the thread pool: that takes ten microseconds for a file as small as ours,
 * and by way of the pool eight times as long.
 *
 * @param seen called with what was looked at, where that is the content
 */
const contentOf = (target: string, seen?: (stats: Stats, content: Option.Option<string>) => void): Found =>
  foundBy(() => {
    const file = openSync(target, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0))
    try {
      const stats = fstatSync(file)
      const exposed = exposure(target, stats, "600")
      if (Option.isSome(exposed)) return exposed.value
      const content = Option.some(readFileSync(file, "utf8"))
      seen?.(stats, content)
      return content
    } finally {
      closeSync(file)
    }
  })

/** Whether nothing has happened to a file between two looks at it: its mode and owner are as they were, too. */
const isSame = (one: Stats, other: Stats): boolean =>
  one.ino === other.ino &&
  one.dev === other.dev &&
  one.ctimeMs === other.ctimeMs &&
  one.mtimeMs === other.mtimeMs &&
  one.size === other.size

/** As {@link contentOf}, for a file that is looked at with each of many others: read again only when it has changed. */
const contentKept = () => {
  let kept: { readonly stats: Stats; readonly content: Option.Option<string> } | undefined
  return (target: string): Found =>
    foundBy(() =>
      kept !== undefined && isSame(kept.stats, lstatSync(target))
        ? kept.content
        : contentOf(target, (stats, content) => {
            kept = { stats, content }
          })
    )
}

/** The private folder at a path. It is made, 0700, by the first write. */
export const privateFolder = (path: string): PrivateFolder => {
  const at = (name: string) => join(path, name)
  const explain =
    (target: string) =>
    (failed: Failed): StorageError =>
      new StorageError({
        reason: new Inaccessible({ path: target, detail: explainErrno(failed.code) })
      })
  const refuse = (reason: InsecurePermissions) => new StorageError({ reason })

  const check = Effect.fnUntraced(function* () {
    const stats = yield* attempt(() => fs.stat(path))
    return exposure(path, stats, "700")
  })

  const keptContent = contentKept()

  /** The contents of these files at one moment, up to and with the first that is not there. */
  const readAll = (
    ...looks: ReadonlyArray<readonly [name: string, look: (target: string) => Found]>
  ): Effect.Effect<ReadonlyArray<string>, StorageError> =>
    Effect.suspend((): Effect.Effect<ReadonlyArray<string>, StorageError | FailedAt> => {
      const contents: Array<string> = []
      const folder = foundBy(() =>
        Option.getOrElse(exposure(path, statSync(path), "700"), () => Option.none())
      )
      for (const [name, look] of looks) {
        const found = Option.isOption(folder) ? look(at(name)) : folder
        if (found instanceof InsecurePermissions) return Effect.fail(refuse(found))
        if (found instanceof Failed) return Effect.fail(new FailedAt(at(name), found))
        if (Option.isNone(found)) break
        contents.push(found.value)
      }
      return Effect.succeed(contents)
    }).pipe(
      whileShared,
      Effect.mapError((error) => (error instanceof FailedAt ? explain(error.target)(error.failed) : error))
    )

  const syncFolder = hasModes
    ? Effect.acquireUseRelease(
        attempt(() => fs.open(path, constants.O_RDONLY)),
        (folder) => attempt(() => folder.sync()),
        (folder) => Effect.promise(() => folder.close())
      )
    : // Windows has no way to do this, and journals its folders.
      Effect.void

  const ready = Effect.gen(function* () {
    yield* attempt(() => fs.mkdir(path, { recursive: true, mode: 0o700 })).pipe(
      Effect.mapError(explain(path))
    )
    const exposed = yield* check().pipe(Effect.mapError(explain(path)))
    if (Option.isSome(exposed)) return yield* refuse(exposed.value)
  })

  const sweep = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    for (const name of yield* attempt(() => fs.readdir(path))) {
      if (!temporary.test(name)) continue
      const { mtimeMs } = yield* attempt(() => fs.stat(at(name)))
      if (now - mtimeMs > abandonedAfter) yield* attempt(() => fs.unlink(at(name)))
    }
    // Another process may have swept the same file; what is left is swept next time.
  }).pipe(Effect.ignore)

  /** A temporary file, brought to the disk; gone with the scope. */
  const temporaryFile = (name: string, content: string): Effect.Effect<string, StorageError, Scope.Scope> =>
    Effect.gen(function* () {
      yield* ready
      const from = at(`.tmp-${process.pid}-${crypto.randomUUID()}`)
      // What cannot be removed now is swept later.
      const remove = attempt(() => fs.rm(from, { force: true })).pipe(Effect.ignore)
      yield* Effect.acquireRelease(
        attempt(async () => {
          const file = await fs.open(from, "wx", 0o600)
          try {
            await file.writeFile(content, "utf8")
            await file.sync()
          } finally {
            await file.close()
          }
        }).pipe(Effect.tapError(() => remove)),
        () => remove
      ).pipe(Effect.mapError(explain(at(name))))
      return from
    })

  const over = (name: string, from: string) =>
    attempt(() => fs.rename(from, at(name))).pipe(
      Effect.retry({ schedule: sharing, while: ({ code }) => !hasModes && code !== "ENOSPC" }),
      Effect.mapError(explain(at(name)))
    )

  const sync = Effect.mapError(syncFolder, explain(path))

  /** Writes a temporary file, hands it over to `publish`, and leaves nothing behind. */
  const write = <A>(
    name: string,
    content: string,
    publish: (name: string, from: string) => Effect.Effect<A, StorageError>
  ) =>
    temporaryFile(name, content).pipe(
      Effect.flatMap((from) => publish(name, from)),
      Effect.tap(sync),
      Effect.scoped,
      Effect.uninterruptible
    )

  /** Once is enough: who died since is swept by the next process. */
  let swept = false
  const sweepOnce = Effect.suspend(() => {
    if (swept) return Effect.void
    swept = true
    return sweep
  })

  return {
    path,
    read: Effect.fn("PrivateFolder.read")((name) =>
      Effect.map(readAll([name, contentOf]), ([content]) => Option.fromUndefinedOr(content))
    ),
    readBeside: (other, name) =>
      Effect.map(readAll([name, contentOf], [other, keptContent]), ([content, beside]) =>
        content === undefined ? Option.none() : Option.some([content, Option.fromUndefinedOr(beside)])
      ),
    replace: Effect.fn("PrivateFolder.replace")(function* (name, content) {
      yield* write(name, content, over)
      yield* sweepOnce
    }),
    prepare: (name, content) =>
      Effect.map(temporaryFile(name, content), (from) => ({ name, publish: over(name, from) })),
    sync,
    create: Effect.fn("PrivateFolder.create")((name, content) =>
      write(name, content, (_, from) =>
        attempt(() => fs.link(from, at(name))).pipe(
          Effect.as(true),
          Effect.catchIf(
            ({ code }) => code === "EEXIST",
            () => Effect.succeed(false)
          ),
          Effect.mapError(explain(at(name)))
        )
      )
    ),
    remove: Effect.fn("PrivateFolder.remove")(function* (name) {
      const removed = yield* attempt(() => fs.unlink(at(name))).pipe(
        Effect.as(true),
        Effect.catchIf(
          ({ code }) => code === "ENOENT",
          () => Effect.succeed(false)
        ),
        Effect.mapError(explain(at(name)))
      )
      if (removed) yield* sync
      return removed
    }),
    names: attempt(() => fs.readdir(path)).pipe(
      Effect.catchIf(
        ({ code }) => code === "ENOENT",
        () => Effect.succeed([])
      ),
      Effect.mapError(explain(path)),
      Effect.withSpan("PrivateFolder.names")
    )
  }
}
