import { userInfo } from "node:os"
import { Effect, FileSystem, Option, Path } from "effect"

/** Why other users could have written a file: a predicate about `path`, and what fixes it. */
export interface Exposure {
  readonly path: string
  readonly problem: string
  readonly fix: string
}

const shared = 0o022
const sticky = 0o1000

/** A group of the system, as `/etc/group` writes it. */
const groupLine = /^([^:]*):[^:]*:(\d+):(.*)$/gm

/**
 * True for the group that has the user's name and no other member. Debian, Ubuntu and Fedora give every user one, and let it
 * write to the user's files.
 */
const isOwnGroup = Effect.fnUntraced(function* (gid: number) {
  const fs = yield* FileSystem.FileSystem
  const text = yield* Effect.orElseSucceed(fs.readFileString("/etc/group"), () => "")
  // A container may run as a user without a name, who has no such group.
  const user = yield* Effect.try(() => userInfo().username).pipe(
    Effect.option,
    Effect.map(Option.getOrUndefined)
  )
  return Array.from(text.matchAll(groupLine)).some(
    ([, name, id, members]) =>
      user !== undefined && name === user && Number(id) === gid && (members === "" || members === user)
  )
})

/** A path as a shell reads it back. Its name may be another user's choice. */
const quoted = (path: string): string =>
  /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`

/** Why others could have changed what has these owner and mode. Undefined: only this user and root could. */
const exposureBy = Effect.fnUntraced(function* (
  path: string,
  { gid, mode, uid }: FileSystem.File.Info,
  options: { readonly allowsSticky: boolean }
): Effect.fn.Return<Exposure | undefined, never, FileSystem.FileSystem> {
  const owner = Option.getOrUndefined(uid)
  if (owner !== undefined && owner !== 0 && owner !== process.getuid?.()) {
    return {
      path,
      problem: "belongs to another user",
      fix: `Copy the configuration to a folder of yours, or run chown on ${quoted(path)}.`
    }
  }
  const writers = mode & shared
  if (writers === 0 || (options.allowsSticky && (mode & sticky) !== 0)) return undefined
  if (writers === 0o020 && Option.isSome(gid) && (yield* isOwnGroup(gid.value))) return undefined
  return { path, problem: "can be changed by other users", fix: `Run: chmod go-w ${quoted(path)}` }
})

/** True on Windows, whose files have no owner and mode of this kind. */
const hasNoModes = Effect.map(Path.Path, ({ sep }) => sep === "\\")

/**
 * Why other users could have written an open file. It is about the file that is read, so nothing can be exchanged between the
 * check and the read.
 */
export const fileExposure = Effect.fnUntraced(function* (path: string, info: FileSystem.File.Info) {
  return (yield* hasNoModes) ? undefined : yield* exposureBy(path, info, { allowsSticky: false })
})

/**
 * Why other users could have put a file into the folder where it was found. In a sticky folder, such as `/tmp`, they cannot
 * replace the user's own file; a link there may be theirs. A link elsewhere is checked where it points, too.
 */
export const folderExposure = Effect.fnUntraced(function* (path: string) {
  if (yield* hasNoModes) return undefined
  const fs = yield* FileSystem.FileSystem
  const paths = yield* Path.Path
  const folder = paths.dirname(path)
  const target = yield* fs.realPath(path)
  const isLink = target !== paths.join(yield* fs.realPath(folder), paths.basename(path))
  const own = yield* exposureBy(folder, yield* fs.stat(folder), { allowsSticky: !isLink })
  if (own !== undefined || !isLink) return own
  const targetFolder = paths.dirname(target)
  return yield* exposureBy(targetFolder, yield* fs.stat(targetFolder), { allowsSticky: true })
})
