import { constants } from "node:fs"
import * as fs from "node:fs/promises"
import { join } from "node:path"
import { Clock, Effect, Option, Schedule } from "effect"
import { Exposed, Inaccessible, StorageError } from "../../../ports/CredentialStore.ts"

/**
 * A folder that only its owner can look into, and whole files in it. Node's own file system is used instead of Effect's
 * service for three things that one lacks: opening without following a link, looking at what was opened, and
 * bringing a folder to the disk.
 */
export interface PrivateFolder {
  readonly path: string
  /** The content of a file; none where there is none. */
  readonly read: (name: string) => Effect.Effect<Option.Option<string>, StorageError>
  /** Writes a file as a whole in place of what is there, and brings it to the disk. */
  readonly replace: (name: string, content: string) => Effect.Effect<void, StorageError>
  /** As `replace`, where there is no such file yet; false, and nothing written, where there is one. */
  readonly create: (name: string, content: string) => Effect.Effect<boolean, StorageError>
  /** Removes a file; true where there was one. */
  readonly remove: (name: string) => Effect.Effect<boolean, StorageError>
  /** The names in the folder; none where there is no folder. */
  readonly names: Effect.Effect<ReadonlyArray<string>, StorageError>
}

const hasModes = process.platform !== "win32"

/** Temporary files older than this, in milliseconds, belong to a writer that died. */
const abandonedAfter = 3_600_000
const temporary = /^\.tmp-\d+-[0-9a-f-]+$/

/** Windows refuses to replace or open a file that a virus scanner has open for a moment. */
const sharing = Schedule.exponential("10 millis").pipe(Schedule.upTo({ times: 6 }))

const codeOf = (cause: unknown): string =>
  cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : "unknown"

const words: Record<string, string> = {
  EACCES: "permission denied",
  EPERM: "permission denied",
  ENOSPC: "no space left on the disk",
  EDQUOT: "the disk quota is used up",
  EROFS: "the file system is read-only",
  ENOTDIR: "something on the way to it is a file",
  ELOOP: "it is a symbolic link"
}

class Failed {
  readonly code: string
  constructor(code: string) {
    this.code = code
  }
}

const attempt = <A>(run: () => Promise<A>): Effect.Effect<A, Failed> =>
  Effect.tryPromise({ try: run, catch: (cause) => new Failed(codeOf(cause)) })

/** What is wrong with the owner or mode of something that holds secrets. */
const exposure = (
  path: string,
  stats: { readonly mode: number; readonly uid: number },
  mode: "600" | "700"
) => {
  if (!hasModes) return Option.none()
  if (stats.uid !== process.getuid?.()) {
    return Option.some(new Exposed({ path, detail: "belongs to another user: use a folder of your own" }))
  }
  return (stats.mode & 0o077) === 0
    ? Option.none()
    : Option.some(new Exposed({ path, detail: `can be read by others. Run: chmod ${mode} '${path}'` }))
}

/** The private folder at a path. It is made, 0700, by the first write. */
export const privateFolder = (path: string): PrivateFolder => {
  const at = (name: string) => join(path, name)
  const explain =
    (target: string) =>
    (failed: Failed): StorageError =>
      new StorageError({
        reason: new Inaccessible({ path: target, detail: words[failed.code] ?? failed.code })
      })
  const refuse = (reason: Exposed) => new StorageError({ reason })

  const check = Effect.fnUntraced(function* () {
    const stats = yield* attempt(() => fs.stat(path))
    return exposure(path, stats, "700")
  })

  const read = Effect.fn("PrivateFolder.read")(function* (name: string) {
    const target = at(name)
    const open = attempt(() => fs.open(target, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0)))
    const content = Effect.acquireUseRelease(
      open,
      (file) =>
        Effect.gen(function* () {
          const exposed = exposure(target, yield* attempt(() => file.stat()), "600")
          return Option.isSome(exposed) ? exposed.value : yield* attempt(() => file.readFile("utf8"))
        }),
      (file) => Effect.promise(() => file.close())
    )
    const found = yield* Effect.gen(function* () {
      const exposed = yield* check()
      return Option.isSome(exposed) ? exposed.value : yield* content
    }).pipe(
      Effect.asSome,
      Effect.catchIf(
        ({ code }) => code === "ENOENT",
        () => Effect.succeedNone
      ),
      Effect.retry({ schedule: sharing, while: ({ code }) => !hasModes && code === "EBUSY" }),
      Effect.mapError(explain(target))
    )
    if (Option.isSome(found) && found.value instanceof Exposed) return yield* refuse(found.value)
    return found as Option.Option<string>
  })

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

  /** Writes a temporary file to the disk, hands it over to `publish`, and leaves nothing behind. */
  const write = <A>(name: string, content: string, publish: (from: string) => Effect.Effect<A, Failed>) =>
    Effect.gen(function* () {
      yield* ready
      const from = at(`.tmp-${process.pid}-${crypto.randomUUID()}`)
      return yield* Effect.acquireUseRelease(
        attempt(() => fs.open(from, "wx", 0o600)),
        (file) =>
          Effect.gen(function* () {
            yield* attempt(() => file.writeFile(content, "utf8"))
            yield* attempt(() => file.sync())
            const result = yield* publish(from)
            yield* syncFolder
            return result
          }),
        (file) =>
          Effect.andThen(
            Effect.promise(() => file.close()),
            attempt(() => fs.rm(from, { force: true })).pipe(Effect.ignore)
          )
      ).pipe(Effect.uninterruptible, Effect.mapError(explain(at(name))))
    })

  return {
    path,
    read,
    replace: Effect.fn("PrivateFolder.replace")(function* (name, content) {
      yield* write(name, content, (from) =>
        attempt(() => fs.rename(from, at(name))).pipe(
          Effect.retry({ schedule: sharing, while: ({ code }) => !hasModes && code !== "ENOSPC" })
        )
      )
      yield* sweep
    }),
    create: Effect.fn("PrivateFolder.create")((name, content) =>
      write(name, content, (from) =>
        attempt(() => fs.link(from, at(name))).pipe(
          Effect.as(true),
          Effect.catchIf(
            ({ code }) => code === "EEXIST",
            () => Effect.succeed(false)
          )
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
      if (removed) yield* syncFolder.pipe(Effect.mapError(explain(path)))
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
