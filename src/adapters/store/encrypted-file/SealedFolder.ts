import { join } from "node:path"
import { Effect, Option, type Redacted, Result, Semaphore } from "effect"
import type { CredentialKey } from "../../../domain/CredentialKey.ts"
import { CredentialLock, type LockError, wholeStore } from "../../../ports/CredentialLock.ts"
import { StorageError } from "../../../ports/CredentialStore.ts"
import { Corrupt, Inaccessible, NewerVersion, WrongPassword } from "../../../ports/StorageFailure.ts"
import { maxAttempts, minPasswordLength } from "./EncryptionLimits.ts"
import { type Passwords, refuseShort } from "./Passwords.ts"
import { type PrivateFolder, privateFolder } from "../folder/PrivateFolder.ts"
import { newSalt, readSalt, type UnlockedSalt, unwrap } from "./SaltFile.ts"
import type { FileFault } from "./StoreFile.ts"

/** Name of the file that holds the wrapped data key. */
export const saltName = ".salt"
const extension = ".enc"

/** The file of a credential. */
export const fileOf = (storageName: string): string => storageName + extension
/** The storage name of a file. */
export const storageNameOf = (file: string): string => file.slice(0, -extension.length)

/** A private folder of encrypted files, and the keys that open them. */
export interface SealedFolder {
  readonly files: PrivateFolder
  readonly pathOf: (file: string) => string
  /** The files of credentials. */
  readonly sealed: Effect.Effect<ReadonlyArray<string>, StorageError>
  /** Returns the keys for writing. A folder without a `.salt` gets one, and so does one without files whose password is another. */
  readonly unlock: Effect.Effect<UnlockedSalt, StorageError>
  /** Returns the keys of this text of `.salt`. The key derivation runs once per text. */
  readonly unlockedBy: (salt: string) => Effect.Effect<UnlockedSalt, StorageError>
  /** Fails with `Corrupt` if there are credentials: without their `.salt` nothing opens them. */
  readonly refuseOrphans: Effect.Effect<void, StorageError>
  /** Runs a change of files under the lock of the whole store. Do not ask the user or derive a key in it. */
  readonly change: <A>(effect: Effect.Effect<A, StorageError>) => Effect.Effect<A, StorageError>
  /** Replaces `.salt`, if it is still the one that was unlocked. Needs {@link SealedFolder.change} around it. */
  readonly replaceSalt: (before: UnlockedSalt, after: UnlockedSalt) => Effect.Effect<void, StorageError>
  /** Removes `.salt` and forgets its keys. */
  readonly removeSalt: Effect.Effect<void, StorageError>
}

/**
 * The storage error of a file that cannot be read.
 *
 * @param key whose record it is; absent: the file belongs to the whole store
 */
export const faultAt = (path: string, fault: FileFault, key?: CredentialKey): StorageError =>
  new StorageError({
    reason:
      fault._tag === "Newer"
        ? new NewerVersion({ path, version: fault.version })
        : new Corrupt({ path, detail: fault.detail, ...(key === undefined ? {} : { key }) })
  })

const explainLock =
  (path: string) =>
  ({ detail, fixes = [] }: LockError): StorageError =>
    new StorageError({
      reason: new Inaccessible({
        path,
        detail: detail ?? "another mcp-cli process is busy with it and did not finish in time; try again",
        fixes
      })
    })

const newPasswordQuestion = `Choose a password of ${minPasswordLength} characters or more for the new token store. Every command asks for it, unless MCP_CLI_ENCRYPTION_KEY is set`

/**
 * The folder at a path.
 *
 * @param iterations of the key derivation of a new store
 */
export const sealedFolder = (
  directory: string,
  passwords: Passwords,
  iterations: number
): Effect.Effect<SealedFolder, never, CredentialLock> =>
  Effect.gen(function* () {
    const storeLock = (yield* CredentialLock).withLock(wholeStore, "store")
    const files = privateFolder(directory)
    const pathOf = (file: string) => join(directory, file)
    const saltPath = pathOf(saltName)
    const turn = Semaphore.makeUnsafe(1)
    /** The `.salt` that was last unlocked. If the file changes, it is unlocked again. */
    let held: UnlockedSalt | undefined

    const unlockWith = Effect.fnUntraced(function* (salt: string, chosen?: Redacted.Redacted) {
      if (held?.salt === salt) return held
      const file = readSalt(salt)
      if (Result.isFailure(file)) return yield* faultAt(saltPath, file.failure)
      const known = chosen === undefined ? yield* passwords.given : Option.some(chosen)
      for (let attempt = 1; attempt <= (Option.isSome(known) ? 1 : maxAttempts); attempt++) {
        const before = attempt === 1 ? "" : "That does not open it. "
        const password = Option.isSome(known)
          ? known.value
          : yield* passwords.ask(`${before}Password of the token store`)
        const keys = yield* Effect.mapError(unwrap(file.success, password), (fault) =>
          faultAt(saltPath, fault)
        )
        if (Option.isSome(keys)) {
          held = { salt, keys: keys.value }
          return held
        }
      }
      return yield* new StorageError({ reason: new WrongPassword() })
    })

    const sealed = Effect.map(files.names, (names) => names.filter((name) => name.endsWith(extension)))

    // A new `.salt` would not open them: only the user may decide to start over.
    const refuseOrphans = Effect.gen(function* () {
      const [orphan] = yield* sealed
      // Another process may have made both in the meantime.
      if (orphan === undefined || Option.isSome(yield* files.read(saltName))) return
      return yield* new StorageError({
        reason: new Corrupt({ path: pathOf(orphan), detail: `its ${saltName} is missing` })
      })
    })

    const setUp = Effect.fnUntraced(function* (chosen?: Redacted.Redacted) {
      yield* refuseOrphans
      const known = chosen === undefined ? yield* passwords.given : Option.some(chosen)
      if (Option.isSome(known)) yield* refuseShort(known.value, "store")
      const password = Option.isSome(known) ? known.value : yield* passwords.choose(newPasswordQuestion)
      const made = yield* newSalt(password, iterations)
      if (yield* files.create(saltName, made.salt)) {
        held = made
        return made
      }
      // Another process was first. Its file counts, and the password has to open it.
      const theirs = Option.getOrElse(yield* files.read(saltName), () => "")
      return yield* unlockWith(theirs, password)
    })

    const change: SealedFolder["change"] = (effect) =>
      Effect.catchTag(storeLock(effect), "LockError", explainLock(directory))

    /** Removes a key that opens nothing. False: there are files that it opens. */
    const forgetUnused = (salt: string) =>
      change(
        Effect.gen(function* () {
          if ((yield* sealed).length > 0) return false
          if (Option.contains(yield* files.read(saltName), salt)) yield* files.remove(saltName)
          return true
        })
      )

    /** A store that has nothing in it may get another password: the old one opens nothing, and no user is asked for it. */
    const unlockOrSetUp = Effect.fnUntraced(function* (salt: string) {
      if (held?.salt === salt) return held
      const isUnused = Result.isSuccess(readSalt(salt)) && (yield* sealed).length === 0
      if (!isUnused || Option.isSome(yield* passwords.given)) {
        return yield* unlockWith(salt).pipe(
          Effect.catchReason("StorageError", "WrongPassword", (_, error) =>
            Effect.flatMap(forgetUnused(salt), (isForgotten) => (isForgotten ? setUp() : Effect.fail(error)))
          )
        )
      }
      const chosen = yield* passwords.choose(newPasswordQuestion)
      // Another process may have stored something meanwhile.
      return (yield* forgetUnused(salt)) ? yield* setUp(chosen) : yield* unlockWith(salt, chosen)
    })

    return {
      files,
      pathOf,
      sealed,
      refuseOrphans,
      unlock: Effect.flatMap(
        files.read(saltName),
        Option.match({ onNone: () => setUp(), onSome: unlockOrSetUp })
      ).pipe(turn.withPermit),
      unlockedBy: (salt) =>
        Effect.suspend(() =>
          held?.salt === salt ? Effect.succeed(held) : turn.withPermit(unlockWith(salt))
        ),
      change,
      replaceSalt: (before, after) =>
        Effect.gen(function* () {
          if (!Option.contains(yield* files.read(saltName), before.salt)) {
            const detail = "another process has replaced or removed it in the meantime"
            return yield* new StorageError({ reason: new Inaccessible({ path: saltPath, detail }) })
          }
          yield* files.replace(saltName, after.salt)
          held = after
        }).pipe(turn.withPermit, Effect.uninterruptible),
      removeSalt: Effect.gen(function* () {
        yield* files.remove(saltName)
        held = undefined
      })
    }
  })
