import type { Stats } from "node:fs"
import * as fs from "node:fs/promises"
import { basename, dirname, join, relative, resolve } from "node:path"
import { Clock, Effect, Layer, Schedule } from "effect"
import { advice, type Remedy } from "../../domain/Remedy.ts"
import { FileEditError, FileEditor } from "../../ports/FileEditor.ts"
import { editedJson } from "./JsonTextEdit.ts"
import { codeOf, explainErrno, remediesOfErrno } from "../platform/Errno.ts"

/** An edit takes milliseconds: in milliseconds, when the file of one that was killed is taken over. */
const abandonedAfter = 5000

/** How often another edit of the file is waited for: 10 seconds in all. */
const turns = Schedule.spaced("50 millis").pipe(Schedule.jittered, Schedule.upTo({ times: 200 }))

/** Links that are followed, as in Linux. */
const maxLinks = 40

/** Another process edits the file. */
class Busy {
  readonly _tag = "Busy"
}

const refusal =
  (file: string, what: string) =>
  (cause: unknown): FileEditError => {
    const code = codeOf(cause)
    return new FileEditError({
      file,
      problem: `${what}: ${explainErrno(code)}`,
      remedies: remediesOfErrno(code)
    })
  }

const attempt = <A>(file: string, what: string, run: () => Promise<A>) =>
  Effect.tryPromise({ try: run, catch: refusal(file, what) })

const missing = (cause: unknown): undefined => {
  if (codeOf(cause) === "ENOENT") return undefined
  throw cause
}

/** The file that a path leads to, through links whose target may be missing. */
const targetOf = async (file: string): Promise<string> => {
  let path = resolve(file)
  for (let links = 0; links < maxLinks; links++) {
    const stats = await fs.lstat(path).catch(missing)
    if (stats?.isSymbolicLink() !== true) {
      const folder = await fs.realpath(dirname(path)).catch(missing)
      return folder === undefined ? path : join(folder, basename(path))
    }
    path = resolve(await fs.realpath(dirname(path)), await fs.readlink(path))
  }
  throw Object.assign(new Error(), { code: "ELOOP" })
}

/** Fails if a link below a folder leads to another file. It may have been made since the user was asked. */
const refuseLinks = Effect.fnUntraced(function* (file: string, folder: string, target: string) {
  const [root, now] = yield* attempt(file, "cannot be read", () =>
    Promise.all([fs.realpath(folder).catch(missing), targetOf(file)])
  )
  const own = root === undefined ? file : join(root, relative(resolve(folder), resolve(file)))
  if (own === target && own === now) return
  return yield* refused(
    file,
    `is behind a symbolic link now, to ${now}`,
    advice("To write to the file that it leads to, add --follow-links.")
  )
})

interface Found {
  readonly bytes: Buffer
  readonly stats: Stats
}

/** Reads a file; undefined: it does not exist. */
const read = async (target: string): Promise<Found | undefined> => {
  // Opening a pipe without a writer would never end.
  const file = await fs.open(target, fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0)).catch(missing)
  if (file === undefined) return undefined
  try {
    const stats = await file.stat()
    // A device may have no end.
    return { stats, bytes: stats.isFile() ? await file.readFile() : Buffer.alloc(0) }
  } finally {
    await file.close()
  }
}

const isSame = (one: Found | undefined, other: Found | undefined): boolean =>
  one === undefined || other === undefined ? one === other : one.bytes.equals(other.bytes)

/** Gives a new file the mode of another one and, if this process may, its owner. */
const copyAccess = async (file: fs.FileHandle, { gid, mode, uid }: Stats): Promise<void> => {
  const own = await file.stat()
  const isKept =
    (own.uid === uid && own.gid === gid) ||
    (await file.chown(uid, gid).then(
      () => true,
      // Only root may give files away. The rights of the group are not for another group.
      () => false
    ))
  // After the owner, since a change of the owner clears bits of the mode.
  await file.chmod(mode & (isKept ? 0o777 : 0o707))
}

/** Writes a text durably into an open new file. */
const fill = async (file: fs.FileHandle, content: string | Buffer, like: Stats | undefined) => {
  await file.writeFile(content)
  if (like !== undefined) await copyAccess(file, like)
  await file.sync()
}

/** Writes the backup. A link at its place is replaced, not followed. */
const writeBackup = async (backup: string, { bytes, stats }: Found): Promise<void> => {
  const temporary = `${backup}.${process.pid}.tmp`
  await fs.rm(temporary, { force: true })
  const file = await fs.open(temporary, "wx", 0o600)
  try {
    await fill(file, bytes, stats)
  } finally {
    await file.close()
  }
  await fs.rename(temporary, backup)
}

/** Decodes the text of a file. Undefined: it is not UTF-8, and would not survive an edit. */
const decoded = (bytes: Buffer): string | undefined => {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** The next version of a file. */
interface Next {
  readonly handle: fs.FileHandle
  /** Tells it apart from one of another process that took over. */
  readonly ino: number
}

/**
 * Creates the next version of a file beside it, empty. While it exists, no other process edits the file: as with the `.lock`
 * of git, the lock is what replaces the file in the end.
 */
const begin = (file: string, next: string): Effect.Effect<Next, FileEditError> =>
  Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    return yield* Effect.tryPromise({
      try: async () => {
        const before = await fs.lstat(next).catch(missing)
        if (before !== undefined && now - before.mtimeMs > abandonedAfter) await fs.rm(next, { force: true })
        const handle = await fs.open(next, "wx", 0o600)
        return { handle, ino: (await handle.stat()).ino }
      },
      catch: (cause) => (codeOf(cause) === "EEXIST" ? new Busy() : refusal(file, "cannot be written")(cause))
    })
  }).pipe(
    Effect.retry({ schedule: turns, while: ({ _tag }) => _tag === "Busy" }),
    Effect.catchTag("Busy", () => Effect.fail(refused(file, "is being edited by another process")))
  )

const refused = (file: string, problem: string, ...remedies: ReadonlyArray<Remedy>) =>
  new FileEditError({ file, problem, remedies })

const again = advice("Run the command again.")

/** Edits files atomically, one process at a time. */
export const layer: Layer.Layer<FileEditor> = Layer.succeed(
  FileEditor,
  FileEditor.of({
    editedJson,
    edit: Effect.fn("FileEditor.edit")(function* (file, change, { noLinkBelow } = {}) {
      const cannotRead = "cannot be read"
      const cannotWrite = "cannot be written"
      const target = yield* attempt(file, cannotRead, () => targetOf(file))
      const checkLinks = Effect.suspend(() =>
        noLinkBelow === undefined ? Effect.void : refuseLinks(file, noLinkBelow, target)
      )
      yield* checkLinks
      const next = join(dirname(target), `.${basename(target)}.mcp-cli`)
      const backup = `${target}.bak`

      const replace = Effect.fnUntraced(function* ({ handle, ino }: Next) {
        const found = yield* attempt(file, cannotRead, () => read(target))
        if (found?.stats.isFile() === false) return yield* refused(file, "is not a file")
        // A rename would replace a file that must not be written to.
        if (found !== undefined) yield* attempt(file, cannotWrite, () => fs.access(target, fs.constants.W_OK))
        const before = found && decoded(found.bytes)
        if (found !== undefined && before === undefined) {
          return yield* refused(file, "is not UTF-8 text", advice("Save it as UTF-8, then try again."))
        }
        const text = yield* change(before)
        if (text === before) return { backup: undefined, text }
        yield* attempt(file, cannotWrite, () => fill(handle, text, found?.stats))
        const [now, lock] = yield* attempt(file, cannotRead, () =>
          Promise.all([read(target), fs.lstat(next).catch(missing)])
        )
        if (!isSame(found, now) || lock?.ino !== ino) {
          return yield* new FileEditError({
            file,
            problem: "was changed by another program at the same time",
            isOutdated: true,
            remedies: [again]
          })
        }
        yield* checkLinks
        if (found !== undefined) yield* attempt(backup, cannotWrite, () => writeBackup(backup, found))
        yield* attempt(file, cannotWrite, async () => {
          // Windows renames no open file.
          await handle.close()
          await fs.rename(next, target)
        })
        return { backup: found === undefined ? undefined : backup, text }
      })

      // A folder that is missing is made for this user alone, as a new file is.
      yield* attempt(dirname(target), "cannot be made", () =>
        fs.mkdir(dirname(target), { mode: 0o700 }).catch((cause: unknown) => {
          if (codeOf(cause) !== "EEXIST") throw cause
        })
      )
      return yield* Effect.acquireUseRelease(begin(file, next), replace, ({ handle, ino }) =>
        Effect.promise(async () => {
          // After a rename it is closed.
          await handle.close().catch(() => undefined)
          if ((await fs.lstat(next).catch(missing))?.ino === ino) await fs.rm(next, { force: true })
        })
      )
    })
  })
)
