import { Array as Arr, Effect, Option, Result } from "effect"
import type { LockError } from "../../../ports/CredentialLock.ts"
import { StorageError } from "../../../ports/CredentialStore.ts"
import { Inaccessible } from "../../../ports/StorageFailure.ts"
import { NoNewPassword, type Rekeyed } from "../../../ports/StorageRekey.ts"
import { type Passwords, refuseShort } from "./Passwords.ts"
import { newSalt, type UnlockedSalt, withoutRetiring } from "./SaltFile.ts"
import { faultAt, saltName, type SealedFolder, storageNameOf } from "./SealedFolder.ts"
import { open, type Opened, seal } from "./SealedFile.ts"
import { minPasswordLength, rekeyBatch } from "./EncryptionLimits.ts"

/** A file as it was read, and its content if it opens. */
interface Examined {
  readonly file: string
  readonly text: string
  readonly opened: Option.Option<Opened>
}

/** Reads a file, and tries to open it; none if it was removed in the meantime. */
const examine = Effect.fnUntraced(function* (
  { files, pathOf }: SealedFolder,
  { keys }: UnlockedSalt,
  file: string
) {
  const text = yield* files.read(file)
  if (Option.isNone(text)) return Option.none<Examined>()
  const opened = open(keys, storageNameOf(file), text.value)
  // A file from a newer version is not damaged, and its key is unknown.
  if (Result.isFailure(opened) && opened.failure._tag === "Newer")
    return yield* faultAt(pathOf(file), opened.failure)
  return Option.some<Examined>({ file, text: text.value, opened: Result.getSuccess(opened) })
})

/**
 * Changes the password of a folder: a new `.salt` with both data keys, then every file under the new one, then the
 * same `.salt` without the old one. The steps and what an interruption leaves are in decision 0008.
 *
 * @param iterations of the key derivation, at least
 */
export const rekey = (
  folder: SealedFolder,
  passwords: Passwords,
  iterations: number
): Effect.Effect<Rekeyed, StorageError | LockError | NoNewPassword> => {
  const { change, files, pathOf, refuseOrphans, replaceSalt, sealed, unlockedBy } = folder

  const examineAll = (unlocked: UnlockedSalt, names: ReadonlyArray<string>) =>
    Effect.map(
      Effect.forEach(names, (file) => examine(folder, unlocked, file), { concurrency: 8 }),
      (found) => found.flatMap(Option.toArray)
    )

  /** Encrypts those of the files that are under the retiring key with the data key. */
  const resealBatch = Effect.fnUntraced(function* (
    { keys }: UnlockedSalt,
    examined: ReadonlyArray<Examined>
  ) {
    const stale = examined.flatMap(({ file, opened, text }) =>
      Option.isSome(opened) && opened.value.underRetiringKey ? [{ file, text, plain: opened.value.text }] : []
    )
    if (stale.length === 0) return
    // Writing to the disk is slow and needs no lock. Publishing is fast and needs it.
    const prepared = yield* Effect.forEach(
      stale,
      ({ file, plain, text }) =>
        Effect.map(files.prepare(file, seal(keys, storageNameOf(file), plain)), (waiting) => ({
          ...waiting,
          text
        })),
      { concurrency: 8 }
    )
    yield* change(
      Effect.gen(function* () {
        for (const { name, publish, text } of prepared) {
          // A credential that was put or removed in the meantime counts.
          if (Option.contains(yield* files.read(name), text)) yield* publish
        }
        yield* files.sync
      })
    )
  }, Effect.scoped)

  /** Encrypts every file with the data key, then drops the retiring key. */
  const finish = Effect.fnUntraced(function* (unlocked: UnlockedSalt) {
    for (;;) {
      let stale = 0
      let resealed = 0
      const damaged: Array<string> = []
      for (const names of Arr.chunksOf(yield* sealed, rekeyBatch)) {
        const examined = yield* examineAll(unlocked, names)
        yield* resealBatch(unlocked, examined)
        for (const { file, opened } of examined) {
          if (Option.isNone(opened)) damaged.push(pathOf(file))
          else if (opened.value.underRetiringKey) stale++
          else resealed++
        }
      }
      // The retiring key goes only after a pass over all files that finds none under it.
      if (stale > 0) continue
      const after = withoutRetiring(unlocked)
      yield* change(replaceSalt(unlocked, after))
      return { after, resealed, damaged: damaged.toSorted() }
    }
  })

  const newPassword = Effect.gen(function* () {
    const given = yield* passwords.givenNew
    if (Option.isSome(given)) {
      yield* refuseShort(given.value, "rekey")
      return given.value
    }
    return yield* Effect.catchReason(
      passwords.choose(
        `Choose a new password of ${minPasswordLength} characters or more for the token store`
      ),
      "StorageError",
      "NoPassword",
      ({ attempts }) => new NoNewPassword(attempts === undefined ? {} : { attempts })
    )
  })

  const unlockCurrent = Effect.gen(function* () {
    const salt = yield* files.read(saltName)
    if (Option.isSome(salt)) return yield* unlockedBy(salt.value)
    yield* refuseOrphans
    return yield* new StorageError({
      reason: new Inaccessible({
        path: pathOf(saltName),
        detail: "there is no token store yet, and so no password to change; the first sign-in makes one"
      })
    })
  })

  /** Fails with an error that came while `next` was put in force, and says so if it is in force by now. */
  const failAt = (next: UnlockedSalt) => {
    const saltsOfNext = [next.salt, withoutRetiring(next).salt]
    return Effect.fnUntraced(function* (error: StorageError) {
      // If `.salt` is unreadable now, the first error says more.
      const salt = yield* Effect.orElseSucceed(files.read(saltName), () => Option.none<string>())
      const isInForce = Option.isSome(salt) && saltsOfNext.includes(salt.value)
      return yield* isInForce ? new StorageError({ reason: error.reason, unfinished: "rekey" }) : error
    })
  }

  return Effect.gen(function* () {
    const old = yield* unlockCurrent
    // Report unreadable files, which the user may be able to fix, before the first change.
    yield* examineAll(old, yield* sealed)
    const password = yield* newPassword
    const before = old.keys.retiringKey === undefined ? old : (yield* finish(old)).after
    const next = yield* newSalt(password, iterations, before)
    const changed = Effect.andThen(change(replaceSalt(before, next)), finish(next))
    const { damaged, resealed } = yield* changed.pipe(Effect.catch(failAt(next)))
    return { resealed, damaged }
  })
}
