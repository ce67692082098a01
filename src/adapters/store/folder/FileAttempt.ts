import { access, constants } from "node:fs/promises"
import { dirname } from "node:path"
import { Effect, Schedule } from "effect"
import { StorageError } from "../../../ports/CredentialStore.ts"
import { Inaccessible } from "../../../ports/StorageFailure.ts"
import { codeOf, explainErrno, remediesOfStore } from "../../platform/Errno.ts"

/** False on Windows, where the modes of files mean nothing. */
export const hasModes = process.platform !== "win32"

/** Windows refuses to open or replace a file while a virus scanner reads it. */
export const sharingRetry = Schedule.exponential("10 millis").pipe(Schedule.upTo({ times: 6 }))

/** A file operation that failed, by the code of the system. */
export class FileFailure {
  readonly code: string | undefined
  constructor(code: string | undefined) {
    this.code = code
  }
}

/** Runs a file operation. */
export const attempt = <A>(run: () => Promise<A>): Effect.Effect<A, FileFailure> =>
  Effect.tryPromise({ try: run, catch: (cause) => new FileFailure(codeOf(cause)) })

/** The storage error of a file operation that failed at this path. */
export const inaccessible =
  (path: string) =>
  ({ code }: FileFailure): StorageError =>
    new StorageError({
      reason: new Inaccessible({ path, detail: explainErrno(code), fixes: remediesOfStore(code) })
    })

const checkWritable = async (folder: string): Promise<void> => {
  try {
    await access(folder, constants.W_OK)
  } catch (cause) {
    if (codeOf(cause) !== "ENOENT" || dirname(folder) === folder) throw cause
    await checkWritable(dirname(folder))
  }
}

/** Fails if a folder, or the one that it would be made in, cannot be written to. Changes nothing. */
export const writable = (folder: string): Effect.Effect<void, StorageError> =>
  Effect.mapError(
    attempt(() => checkWritable(folder)),
    inaccessible(folder)
  )
