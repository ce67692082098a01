import * as fs from "node:fs/promises"
import { codeOf, explainErrno } from "../platform/Errno.ts"

/** The longest file that is read. Token stores have some kilobytes for each server. */
const maxBytes = 16 * 1024 * 1024

/** A file of another program that was read, or why not: a sentence. */
export type ForeignFile =
  | {
      readonly _tag: "Read"
      readonly bytes: Uint8Array
      /** Milliseconds since the epoch. */
      readonly modifiedAt: number
      readonly notes: ReadonlyArray<string>
    }
  | { readonly _tag: "Absent" }
  | { readonly _tag: "Unreadable"; readonly note: string }

const hasModes = process.platform !== "win32"

/** Reads a file of another program. Never rejects. */
export const readForeignFile = async (path: string): Promise<ForeignFile> => {
  const unreadable = (problem: string): ForeignFile => ({
    _tag: "Unreadable",
    note: `${path} was not read: ${problem}.`
  })
  try {
    // Opening a pipe without a writer would never end.
    const file = await fs.open(path, fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0))
    try {
      const { mode, mtimeMs, size, uid } = await file.stat().then((stats) => {
        if (!stats.isFile()) throw Object.assign(new Error(), { code: "not a file" })
        return stats
      })
      if (size > maxBytes) return unreadable(`it has more than ${maxBytes / 1024 / 1024} MiB`)
      const isOthers = hasModes && uid !== process.getuid?.() && uid !== 0
      if (isOthers) return unreadable("it belongs to another user")
      const bytes = Uint8Array.from(await file.readFile())
      const isExposed = hasModes && (mode & 0o077) !== 0
      const notes = isExposed
        ? [`${path} can be read by other users of this machine: run chmod 600 on it.`]
        : []
      return { _tag: "Read", bytes, modifiedAt: mtimeMs, notes }
    } finally {
      await file.close()
    }
  } catch (cause) {
    const code = codeOf(cause)
    if (code === "ENOENT" || code === "ENOTDIR") return { _tag: "Absent" }
    return unreadable(code === "not a file" || code === "EISDIR" ? "it is not a file" : explainErrno(code))
  }
}

/** The text of a file. Undefined: it is not UTF-8. */
export const textOf = (bytes: Uint8Array): string | undefined => {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** The names in a folder. Empty: there is no such folder, or it cannot be read. */
export const namesIn = (folder: string): Promise<ReadonlyArray<string>> =>
  fs.readdir(folder).then(
    (names) => names.toSorted(),
    () => []
  )
