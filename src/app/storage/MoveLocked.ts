import * as Remedy from "../../domain/Remedy.ts"
import { StorageError } from "../../ports/CredentialStore.ts"
import { storageBackends } from "../../ports/StorageBackend.ts"
import { MoveLocked, type StorageFailure } from "../../ports/StorageFailure.ts"

/** The locked store and what is wrong, as a clause. Undefined: no store is locked. */
const lockedStore = (reason: StorageFailure) => {
  switch (reason._tag) {
    // Only the encrypted files have a password.
    case "NoPassword":
      return {
        backend: storageBackends.encrypted,
        problem:
          reason.attempts === undefined
            ? "no password was given"
            : `no password was chosen in ${reason.attempts} attempts`
      }
    case "WrongPassword":
      return { backend: storageBackends.encrypted, problem: "the password does not open them" }
    case "Locked":
      return { backend: reason.backend, problem: `it is locked (${reason.detail})` }
    case "TimedOut":
      return {
        backend: reason.backend,
        problem: `it did not answer within ${reason.after} seconds (${reason.detail})`
      }
    default:
      return undefined
  }
}

/**
 * Says about a locked store at which end of a move it is. Its own remedies include to store sign-ins elsewhere, which is what
 * the move is for: only the advice that unlocks it remains, and the move to run again.
 *
 * @param target name of the backend that `to` stands for
 * @param options the ends as the user named them
 */
export const atEndOfMove =
  (target: string, options: { readonly to: string; readonly from?: string | undefined }) =>
  (error: StorageError): StorageError => {
    const locked = lockedStore(error.reason)
    if (locked === undefined) return error
    const { backend, problem } = locked
    const { from, to } = options
    return new StorageError({
      reason: new MoveLocked({
        end: backend.name === target ? "target" : "source",
        backend,
        problem,
        fixes: [
          ...error.reason.remedies.filter(({ _tag }) => _tag === "Advice"),
          Remedy.command("storage move", {
            options: { to, ...(from === undefined ? {} : { from }) },
            purpose: "continue the move"
          })
        ]
      })
    })
  }
