import { join } from "node:path"
import {
  Config,
  Effect,
  Layer,
  Option,
  type Redacted,
  Redacted as Secret,
  Result,
  Schema,
  Semaphore
} from "effect"
import { CredentialJson } from "../../../domain/Credential.ts"
import { CredentialKey } from "../../../domain/CredentialKey.ts"
import {
  Corrupt,
  CredentialStore,
  NewerVersion,
  NoPassword,
  StorageError,
  WrongPassword
} from "../../../ports/CredentialStore.ts"
import { SecretPrompt } from "../../../ports/SecretPrompt.ts"
import { privateFolder } from "./PrivateFolder.ts"
import {
  type FileFault,
  newIterations,
  newSalt,
  open,
  readSalt,
  seal,
  type Unlocked,
  unwrap
} from "./Sealed.ts"

/** Where the files are and what opens them. */
export interface EncryptedFileOptions {
  /** The folder: `.salt`, and one `.enc` a credential. */
  readonly directory: string
  /** The password out of the configuration; absent: `MCP_CLI_ENCRYPTION_KEY`, else the person is asked. */
  readonly password?: Redacted.Redacted | undefined
  /** Rounds of key derivation of a new store; absent: 600,000. */
  readonly iterations?: number
}

const saltName = ".salt"
const extension = ".enc"
const attemptsAtPrompt = 3

const fault = (path: string, found: FileFault): StorageError =>
  new StorageError({
    reason:
      found._tag === "Newer"
        ? new NewerVersion({ path, version: found.version })
        : new Corrupt({ path, detail: found.detail })
  })
const fail = (reason: StorageError["reason"]) => new StorageError({ reason })

/**
 * Credentials in files, AES-256-GCM under a data key that a password unlocks. The key is derived at most once a process,
 * and not before there is something to decrypt or encrypt; where the password is at hand without asking, that
 * starts with the layer, beside everything else that a program does to start.
 */
export const layer = (options: EncryptedFileOptions): Layer.Layer<CredentialStore, never, SecretPrompt> =>
  Layer.effect(
    CredentialStore,
    Effect.gen(function* () {
      const prompt = yield* SecretPrompt
      const folder = privateFolder(options.directory)
      const pathOf = (name: string) => join(options.directory, name)
      const saltPath = pathOf(saltName)
      const turn = Semaphore.makeUnsafe(1)
      /** The `.salt` that was unlocked, and what it gave: when it changes on the disk it is unlocked anew. */
      let held: { readonly salt: string; readonly unlocked: Unlocked } | undefined

      const given = Effect.gen(function* () {
        if (options.password !== undefined) return Option.some(options.password)
        const variable = yield* Config.option(Config.Redacted("MCP_CLI_ENCRYPTION_KEY"))
        return Option.filter(variable, (password) => Secret.value(password) !== "")
        // A variable that cannot be read is one that is not there.
      }).pipe(Effect.orElseSucceed(() => Option.none<Redacted.Redacted>()))

      const ask = Effect.fnUntraced(function* (question: string) {
        const answer = yield* prompt.ask(question)
        if (Option.isNone(answer)) return yield* fail(new NoPassword())
        return answer.value
      })

      const askForNew = Effect.gen(function* () {
        for (let attempt = 1; attempt <= attemptsAtPrompt; attempt++) {
          const first = yield* ask("Choose a password for the new token store")
          if (Secret.value(first) === "") continue
          const again = yield* ask("The same password again")
          if (Secret.value(first) === Secret.value(again)) return first
        }
        return yield* fail(new NoPassword())
      })

      const unlockWith = Effect.fnUntraced(function* (salt: string, chosen?: Redacted.Redacted) {
        if (held?.salt === salt) return held.unlocked
        const file = readSalt(salt)
        if (Result.isFailure(file)) return yield* fault(saltPath, file.failure)
        const known = chosen === undefined ? yield* given : Option.some(chosen)
        for (let attempt = 1; attempt <= (Option.isSome(known) ? 1 : attemptsAtPrompt); attempt++) {
          const password = Option.isSome(known) ? known.value : yield* ask("Password of the token store")
          const unlocked = yield* unwrap(file.success, password)
          if (Option.isSome(unlocked)) {
            held = { salt, unlocked: unlocked.value }
            return unlocked.value
          }
        }
        return yield* fail(new WrongPassword())
      })

      const setUp = Effect.gen(function* () {
        // Files whose `.salt` is gone cannot be opened by a new one: to start over is for the person to decide.
        const orphan = (yield* folder.names).find((name) => name.endsWith(extension))
        if (orphan !== undefined) {
          return yield* fail(new Corrupt({ path: pathOf(orphan), detail: `its ${saltName} is missing` }))
        }
        const known = yield* given
        const password = Option.isSome(known) ? known.value : yield* askForNew
        yield* folder.create(saltName, yield* newSalt(password, options.iterations ?? newIterations))
        // Another process may have been first: then its file counts, and the password has to open that.
        return yield* unlockWith(
          Option.getOrElse(yield* folder.read(saltName), () => ""),
          password
        )
      })

      /** The data key, for writing: a folder that has none yet gets one. */
      const unlock = Effect.flatMap(
        folder.read(saltName),
        Option.match({ onNone: () => setUp, onSome: unlockWith })
      ).pipe(turn.withPermit, Effect.withSpan("EncryptedFileStore.unlock"))

      const get = Effect.fn("EncryptedFileStore.get")(function* (key: CredentialKey) {
        const name = key.storageName
        const path = pathOf(name + extension)
        const text = yield* folder.read(name + extension)
        if (Option.isNone(text)) return Option.none()
        const salt = yield* folder.read(saltName)
        if (Option.isNone(salt))
          return yield* fail(new Corrupt({ path, detail: `its ${saltName} is missing` }))
        const unlocked = yield* turn.withPermit(unlockWith(salt.value))
        const opened = open(unlocked, name, text.value)
        if (Result.isFailure(opened)) return yield* fault(path, opened.failure)
        const credential = Schema.decodeOption(CredentialJson)(opened.success)
        return Option.isSome(credential)
          ? credential
          : yield* fail(new Corrupt({ path, detail: "it holds no credential" }))
      })

      const put = Effect.fn("EncryptedFileStore.put")(function* (
        key: CredentialKey,
        credential: typeof CredentialJson.Type
      ) {
        const unlocked = yield* unlock
        const text = yield* Effect.orDie(Schema.encodeEffect(CredentialJson)(credential))
        yield* folder.replace(key.storageName + extension, seal(unlocked, key.storageName, text))
      })

      // The key goes last: until then what is left can still be read.
      const clear = Effect.gen(function* () {
        const names = yield* folder.names
        yield* Effect.forEach(
          names.filter((name) => name.endsWith(extension)),
          folder.remove
        )
        yield* folder.remove(saltName)
        held = undefined
      }).pipe(Effect.withSpan("EncryptedFileStore.clear"))

      const list = Effect.map(folder.names, (names) =>
        names
          .filter((name) => name.endsWith(extension))
          .flatMap((name) => Option.toArray(CredentialKey.fromStorageName(name.slice(0, -extension.length))))
          .toSorted((a, b) => (a.storageName < b.storageName ? -1 : 1))
      ).pipe(Effect.withSpan("EncryptedFileStore.list"))

      // Whatever goes wrong here goes wrong again, and is said, when the key is needed.
      const warmUp = Effect.gen(function* () {
        if (Option.isNone(yield* given)) return
        const salt = yield* folder.read(saltName)
        if (Option.isSome(salt)) yield* turn.withPermit(unlockWith(salt.value))
      }).pipe(Effect.ignore)
      yield* Effect.forkScoped(warmUp, { startImmediately: true })

      return CredentialStore.of({
        description: { backend: "encrypted", location: options.directory },
        unlock: Effect.asVoid(unlock),
        get,
        put,
        remove: Effect.fn("EncryptedFileStore.remove")((key) => folder.remove(key.storageName + extension)),
        clear,
        list
      })
    })
  )
