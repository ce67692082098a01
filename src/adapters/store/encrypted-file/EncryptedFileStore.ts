import { Context, Effect, Layer, Option, type Redacted, Result, Schema } from "effect"
import { type Credential, CredentialJson } from "../../../domain/Credential.ts"
import { CredentialKey } from "../../../domain/CredentialKey.ts"
import type { CredentialLock } from "../../../ports/CredentialLock.ts"
import { CredentialStore } from "../../../ports/CredentialStore.ts"
import type { SecretPrompt } from "../../../ports/SecretPrompt.ts"
import { storageBackends } from "../../../ports/StorageBackend.ts"
import { SealedTexts } from "../../../ports/SealedTexts.ts"
import { StorageRekey } from "../../../ports/StorageRekey.ts"
import { writable } from "../folder/FileAttempt.ts"
import { passwords } from "./Passwords.ts"
import { rekey } from "./Rekey.ts"
import { newIterations, reservedSize } from "./EncryptionLimits.ts"
import type { UnlockedSalt } from "./SaltFile.ts"
import { faultAt, fileOf, saltName, sealedFolder, storageNameOf } from "./SealedFolder.ts"
import { open, seal } from "./SealedFile.ts"
import { damaged } from "./StoreFile.ts"

/** Where the files are, and the password that opens them. */
export interface EncryptedFileOptions {
  /** The folder: `.salt`, and one `.enc` file per credential. */
  readonly directory: string
  /** The password of the configuration; absent: `MCP_CLI_ENCRYPTION_KEY` or its file, else the user is asked. */
  readonly password?: Redacted.Redacted | undefined
  /** Iterations of the key derivation of a new store; absent: 600,000. */
  readonly iterations?: number
}

/** What the names of texts begin with. No name of a credential does: in those, a plus sign is encoded. */
const textPrefix = "text+"

const decodeCredential = Schema.decodeOption(CredentialJson)
const encodeCredential = Schema.encodeEffect(CredentialJson)

/**
 * Stores credentials in files, AES-256-GCM under a data key that a password unlocks.
 *
 * **Details**
 *
 * The key is derived at most once per process, when there is something to decrypt or encrypt. If the password is
 * known without asking, that starts when the layer is built, in parallel to the start of the program. Every change of
 * a file holds the lock of the whole store, but never while the user is asked or a key is derived.
 */
export const layer = (
  options: EncryptedFileOptions
): Layer.Layer<CredentialStore | StorageRekey | SealedTexts, never, SecretPrompt | CredentialLock> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const iterations = options.iterations ?? newIterations
      const known = yield* passwords(options.password)
      const folder = yield* sealedFolder(options.directory, known, iterations)
      const { change, files, pathOf, sealed, unlockedBy } = folder
      const unlock = folder.unlock.pipe(Effect.withSpan("EncryptedFileStore.unlock"))

      // No span: ten thousand records may be read at once, and spans would take a quarter of that time.
      const textAt = Effect.fnUntraced(function* (name: string, key?: CredentialKey) {
        const path = pathOf(fileOf(name))
        const read = files.readBeside(saltName, fileOf(name))
        let found = yield* read
        while (Option.isSome(found)) {
          const [text, salt] = found.value
          if (Option.isNone(salt)) return yield* faultAt(path, damaged(`its ${saltName} is missing`))
          const { keys } = yield* unlockedBy(salt.value)
          const opened = open(keys, name, text)
          if (Result.isSuccess(opened)) return Option.some(opened.success.text)
          // A password change may have come between the two reads: only an unchanged pair is damaged.
          const now = yield* read
          if (Option.isSome(now) && now.value[0] === text && Option.contains(now.value[1], salt.value))
            return yield* faultAt(path, opened.failure, key)
          found = now
        }
        return Option.none<string>()
      })

      const get = Effect.fnUntraced(function* (key: CredentialKey) {
        const name = key.storageName
        const text = yield* textAt(name, key)
        if (Option.isNone(text)) return Option.none()
        const credential = decodeCredential(text.value)
        if (Option.isSome(credential)) return credential
        return yield* faultAt(pathOf(fileOf(name)), damaged("it holds no credential"), key)
      })

      /** Encrypts and writes; false if `.salt` is no longer the one that was unlocked. */
      const putUnder = ({ keys, salt }: UnlockedSalt, name: string, text: string) =>
        change(
          Effect.gen(function* () {
            if (!Option.contains(yield* files.read(saltName), salt)) return false
            yield* files.replace(fileOf(name), seal(keys, name, text))
            return true
          })
        )

      const putText = Effect.fnUntraced(function* (name: string, text: string) {
        while (!(yield* putUnder(yield* unlock, name, text))) continue
      })

      const reserve = Effect.fn("EncryptedFileStore.reserve")(function* (
        key: CredentialKey,
        credential: Credential
      ) {
        const text = yield* Effect.orDie(encodeCredential(credential))
        yield* files.reserve(fileOf(key.storageName), reservedSize(text))
        // The lock of the store has a file, too, which must exist by then.
        yield* change(Effect.void)
      })

      const put = Effect.fn("EncryptedFileStore.put")(function* (key: CredentialKey, credential: Credential) {
        yield* putText(key.storageName, yield* Effect.orDie(encodeCredential(credential)))
      })

      // The key goes last: until then the files that are left can be read.
      const clear = change(
        Effect.gen(function* () {
          yield* Effect.forEach(yield* sealed, files.remove)
          yield* folder.removeSalt
        })
      ).pipe(Effect.withSpan("EncryptedFileStore.clear"))

      const list = Effect.map(sealed, (names) =>
        names
          .flatMap((name) => Option.toArray(CredentialKey.fromStorageName(storageNameOf(name))))
          .toSorted((a, b) => (a.storageName < b.storageName ? -1 : 1))
      ).pipe(Effect.withSpan("EncryptedFileStore.list"))

      const texts = SealedTexts.of({
        names: Effect.map(sealed, (names) =>
          names
            .filter((name) => name.startsWith(textPrefix))
            .map((name) => storageNameOf(name).slice(textPrefix.length))
        ),
        read: (name) => textAt(textPrefix + name),
        replace: (name, text) => putText(textPrefix + name, text),
        remove: (name) => change(files.remove(fileOf(textPrefix + name)))
      })

      // The first access that needs the key meets the same error, and reports it.
      const warmUp = Effect.gen(function* () {
        if (Option.isNone(yield* known.given)) return
        const salt = yield* files.read(saltName)
        if (Option.isSome(salt)) yield* unlockedBy(salt.value)
      }).pipe(Effect.ignore)
      yield* Effect.forkScoped(warmUp, { startImmediately: true })

      return Context.make(
        CredentialStore,
        CredentialStore.of({
          description: { backend: storageBackends.encrypted, location: options.directory },
          // An approval must not be wasted because the disk is full.
          unlock: Effect.andThen(unlock, Effect.scoped(files.reserve(saltName, reservedSize("")))),
          isNew: Effect.gen(function* () {
            if (Option.isSome(yield* files.read(saltName))) return false
            yield* folder.refuseOrphans
            yield* writable(options.directory)
            return true
          }),
          get,
          put,
          reserve,
          remove: Effect.fn("EncryptedFileStore.remove")((key) =>
            change(files.remove(fileOf(key.storageName)))
          ),
          clear,
          list
        })
      ).pipe(
        Context.add(SealedTexts, texts),
        Context.add(StorageRekey, {
          rekey: rekey(folder, known, iterations).pipe(Effect.withSpan("EncryptedFileStore.rekey"))
        })
      )
    })
  )
