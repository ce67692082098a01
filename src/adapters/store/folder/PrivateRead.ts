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
import { join } from "node:path"
import { Data, Effect, Option } from "effect"
import { StorageError } from "../../../ports/CredentialStore.ts"
import { InsecurePermissions } from "../../../ports/StorageFailure.ts"
import { codeOf } from "../../platform/Errno.ts"
import { FileFailure, hasModes, inaccessible, sharingRetry } from "./FileAttempt.ts"

const owner = process.getuid?.()

/** What makes the owner or mode of a file or folder unsafe for secrets; none if it is safe. */
export const exposure = (
  path: string,
  stats: { readonly mode: number; readonly uid: number },
  mode: "600" | "700"
): Option.Option<InsecurePermissions> => {
  if (!hasModes) return Option.none()
  if (stats.uid !== owner) {
    return Option.some(new InsecurePermissions({ path, detail: "belongs to another user" }))
  }
  return (stats.mode & 0o077) === 0
    ? Option.none()
    : Option.some(new InsecurePermissions({ path, detail: "can be read by other users", mode }))
}

/** The result of a read; none if there is no such file. */
type Found = Option.Option<string> | InsecurePermissions | FileFailure

const foundBy = (find: () => Found): Found => {
  try {
    return find()
  } catch (cause) {
    const code = codeOf(cause)
    return code === "ENOENT" ? Option.none() : new FileFailure(code)
  }
}

/**
 * Reads a file. This is synchronous: it takes ten microseconds for files this small, and eight times as long through
 * the thread pool.
 *
 * @param seen called with the content and the metadata that belongs to it
 */
export const contentOf = (
  path: string,
  seen?: (stats: Stats, content: Option.Option<string>) => void
): Found =>
  foundBy(() => {
    const file = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0))
    try {
      const stats = fstatSync(file)
      const exposed = exposure(path, stats, "600")
      if (Option.isSome(exposed)) return exposed.value
      const content = Option.some(readFileSync(file, "utf8"))
      seen?.(stats, content)
      return content
    } finally {
      closeSync(file)
    }
  })

/** True if a file is unchanged, including its mode and owner. */
const isSame = (one: Stats, other: Stats): boolean =>
  one.ino === other.ino &&
  one.dev === other.dev &&
  one.ctimeMs === other.ctimeMs &&
  one.mtimeMs === other.mtimeMs &&
  one.size === other.size

/** As {@link contentOf}, for one file that is read together with many others: reads it again only after a change. */
export const cachedContent = () => {
  let cached: { readonly stats: Stats; readonly content: Option.Option<string> } | undefined
  return (path: string): Found =>
    foundBy(() =>
      cached !== undefined && isSame(cached.stats, lstatSync(path))
        ? cached.content
        : contentOf(path, (stats, content) => {
            cached = { stats, content }
          })
    )
}

class FailedAt extends Data.TaggedError("FailedAt")<{
  readonly path: string
  readonly failure: FileFailure
}> {}

/** Reads files of a private folder at one moment, up to the first that does not exist. */
export const readTogether = (
  folder: string,
  reads: ReadonlyArray<readonly [name: string, read: (path: string) => Found]>
): Effect.Effect<ReadonlyArray<string>, StorageError> =>
  Effect.suspend((): Effect.Effect<ReadonlyArray<string>, StorageError | FailedAt> => {
    const contents: Array<string> = []
    const exposed = foundBy(() =>
      Option.getOrElse(exposure(folder, statSync(folder), "700"), () => Option.none())
    )
    for (const [name, read] of reads) {
      const path = join(folder, name)
      const found = Option.isOption(exposed) ? read(path) : exposed
      if (found instanceof InsecurePermissions) return new StorageError({ reason: found })
      if (found instanceof FileFailure) return new FailedAt({ path, failure: found })
      if (Option.isNone(found)) break
      contents.push(found.value)
    }
    return Effect.succeed(contents)
  }).pipe(
    Effect.retry({
      schedule: sharingRetry,
      while: (error) => !hasModes && error instanceof FailedAt && error.failure.code === "EBUSY"
    }),
    Effect.mapError((error) => (error instanceof FailedAt ? inaccessible(error.path)(error.failure) : error))
  )
