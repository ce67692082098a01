import { Effect, Schedule } from "effect"
import { StorageError } from "../../../ports/CredentialStore.ts"
import { Inaccessible } from "../../../ports/StorageFailure.ts"
import { codeOf, explainErrno, remediesOfErrno } from "../../platform/Errno.ts"

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
      reason: new Inaccessible({ path, detail: explainErrno(code), fixes: remediesOfErrno(code) })
    })
