import { join } from "node:path"
import {
  Array as Arr,
  Config,
  ConfigProvider,
  Context,
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
import { CredentialLock, type LockError, wholeStore } from "../../../ports/CredentialLock.ts"
import { CredentialStore, StorageError } from "../../../ports/CredentialStore.ts"
import { SecretPrompt } from "../../../ports/SecretPrompt.ts"
import { storageBackends } from "../../../ports/StorageBackend.ts"
import {
  Corrupt,
  InsecurePermissions,
  Inaccessible,
  NewerVersion,
  NoPassword,
  WrongPassword
} from "../../../ports/StorageFailure.ts"
import { NoNewPassword, StorageRekey } from "../../../ports/StorageRekey.ts"
import { privateFolder } from "./PrivateFolder.ts"
import {
  type FileFault,
  type Lock,
  newIterations,
  newLock,
  open,
  type Opened,
  readSalt,
  seal,
  unwrap,
  withoutRetiring
} from "./Sealed.ts"

/** Where the files are and what opens them. */
export interface EncryptedFileOptions {
  /** The folder: `.salt`, and one `.enc` a credential. */
  readonly directory: string
  /** The password out of the configuration; absent: `MCP_CLI_ENCRYPTION_KEY`, else the user is asked. */
  readonly password?: Redacted.Redacted | undefined
  /** Rounds of key derivation of a new store; absent: 600,000. */
  readonly iterations?: number
}

const saltName = ".salt"
const extension = ".enc"
const attemptsAtPrompt = 3

/** How many files rekeying prepares before it takes the lock to publish them. */
const batchSize = 64
/** What a user has to know of an error that comes after the first change. */
const unfinished =
  "The new password is in force already, and nothing is lost: once that is mended, run mcp-cli storage rekey again, with the new password, to finish"

const decodeCredential = Schema.decodeOption(CredentialJson)

const fault = (path: string, found: FileFault): StorageError =>
  new StorageError({
    reason:
      found._tag === "Newer"
        ? new NewerVersion({ path, version: found.version })
        : new Corrupt({ path, detail: found.detail })
  })
const fail = (reason: StorageError["reason"]) => new StorageError({ reason })

/** The error with a sentence more, for a user. */
const adding = (sentence: string, { reason }: StorageError): StorageError =>
  reason._tag === "Inaccessible"
    ? fail(new Inaccessible({ path: reason.path, detail: `${reason.detail}. ${sentence}` }))
    : reason._tag === "InsecurePermissions"
      ? fail(new InsecurePermissions({ path: reason.path, detail: `${reason.detail}. ${sentence}` }))
      : reason._tag === "Corrupt"
        ? fail(new Corrupt({ path: reason.path, detail: `${reason.detail}; ${sentence}` }))
        : fail(reason)

/**
 * Credentials in files, AES-256-GCM under a data key that a password unlocks. The key is derived at most once a process,
 * and not before there is something to decrypt or encrypt; where the password is at hand without asking, that
 * starts with the layer, beside everything else that a program does to start. What changes a file holds the lock of the
 * whole store while it does, and never while somebody is asked or a key is derived.
 */
export const layer = (
  options: EncryptedFileOptions
): Layer.Layer<CredentialStore | StorageRekey, never, SecretPrompt | CredentialLock> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const prompt = yield* SecretPrompt
      const lock = yield* CredentialLock
      const configuration = yield* ConfigProvider.ConfigProvider
      const folder = privateFolder(options.directory)
      const pathOf = (name: string) => join(options.directory, name)
      const saltPath = pathOf(saltName)
      const turn = Semaphore.makeUnsafe(1)
      /** What was unlocked last: when `.salt` changes on the disk it is unlocked anew. */
      let held: Lock | undefined

      const locked = lock.withLock(wholeStore, "store")
      const ofLock = ({ detail }: LockError) =>
        fail(
          new Inaccessible({
            path: options.directory,
            detail: detail ?? "another mcp-cli process is busy with it and did not finish in time; try again"
          })
        )
      const changing = <A>(effect: Effect.Effect<A, StorageError>): Effect.Effect<A, StorageError> =>
        Effect.catchTag(locked(effect), "LockError", ofLock)

      const variable = (name: string) =>
        Effect.map(
          Config.option(Config.Redacted(name)),
          Option.filter((password) => Secret.value(password) !== "")
        ).pipe(
          Effect.provideService(ConfigProvider.ConfigProvider, configuration),
          // A variable that cannot be read is one that is not there.
          Effect.orElseSucceed(() => Option.none<Redacted.Redacted>())
        )

      const given =
        options.password === undefined
          ? variable("MCP_CLI_ENCRYPTION_KEY")
          : Effect.succeedSome(options.password)

      const ask = Effect.fnUntraced(function* (question: string) {
        const answer = yield* prompt.ask(question)
        if (Option.isNone(answer)) return yield* fail(new NoPassword())
        return answer.value
      })

      const askForNew = Effect.fnUntraced(function* (question: string) {
        let before = ""
        for (let attempt = 1; attempt <= attemptsAtPrompt; attempt++) {
          const first = yield* ask(`${before}${question}`)
          if (Secret.value(first) === "") {
            before = "An empty password is none. "
            continue
          }
          const again = yield* ask("The same password again")
          if (Secret.value(first) === Secret.value(again)) return first
          before = "The two were not the same. "
        }
        return yield* fail(new NoPassword({ attempts: attemptsAtPrompt }))
      })

      const unlockWith = Effect.fnUntraced(function* (salt: string, chosen?: Redacted.Redacted) {
        if (held?.salt === salt) return held
        const file = readSalt(salt)
        if (Result.isFailure(file)) return yield* fault(saltPath, file.failure)
        const known = chosen === undefined ? yield* given : Option.some(chosen)
        for (let attempt = 1; attempt <= (Option.isSome(known) ? 1 : attemptsAtPrompt); attempt++) {
          const before = attempt === 1 ? "" : "That does not open it. "
          const password = Option.isSome(known)
            ? known.value
            : yield* ask(`${before}Password of the token store`)
          const unlocked = yield* Effect.mapError(unwrap(file.success, password), (found) =>
            fault(saltPath, found)
          )
          if (Option.isSome(unlocked)) {
            held = { salt, unlocked: unlocked.value }
            return held
          }
        }
        return yield* fail(new WrongPassword())
      })

      const sealedNames = Effect.map(folder.names, (names) =>
        names.filter((name) => name.endsWith(extension))
      )
      const nameOf = (file: string) => file.slice(0, -extension.length)

      // Files whose `.salt` is gone cannot be opened by a new one: to start over is for the user to decide.
      const refuseOrphans = Effect.gen(function* () {
        const [orphan] = yield* sealedNames
        if (orphan === undefined) return
        return yield* fail(new Corrupt({ path: pathOf(orphan), detail: `its ${saltName} is missing` }))
      })

      const setUp = Effect.gen(function* () {
        yield* refuseOrphans
        const known = yield* given
        const password = Option.isSome(known)
          ? known.value
          : yield* askForNew("Choose a password for the new token store")
        const made = yield* newLock(password, options.iterations ?? newIterations)
        if (yield* folder.create(saltName, made.salt)) {
          held = made
          return made
        }
        // Another process was first: its file counts, and the password has to open that.
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

      const unlockedBy = (salt: string) =>
        Effect.suspend(() => (held?.salt === salt ? Effect.succeed(held) : turn.withPermit(unlockWith(salt))))

      // Without a span of its own: ten thousand records are read at once, and it would be a quarter of what that costs.
      const get = Effect.fnUntraced(function* (key: CredentialKey) {
        const name = key.storageName
        const path = pathOf(name + extension)
        const read = folder.readBeside(saltName, name + extension)
        let found = yield* read
        while (Option.isSome(found)) {
          const [text, salt] = found.value
          if (Option.isNone(salt))
            return yield* fail(new Corrupt({ path, detail: `its ${saltName} is missing` }))
          const { unlocked } = yield* unlockedBy(salt.value)
          const opened = open(unlocked, name, text)
          if (Result.isSuccess(opened)) {
            const credential = decodeCredential(opened.success.text)
            if (Option.isSome(credential)) return credential
            return yield* fail(new Corrupt({ path, detail: "it holds no credential" }))
          }
          // The two may be of before and after another process gave the store new keys: then they are read again.
          const now = yield* read
          if (Option.isSome(now) && now.value[0] === text && Option.contains(now.value[1], salt.value))
            return yield* fault(path, opened.failure)
          found = now
        }
        return Option.none()
      })

      /** Seals and writes under the lock that was unlocked; false where that is not the folder's any more. */
      const putUnder = (known: Lock, name: string, text: string) =>
        changing(
          Effect.gen(function* () {
            if (!Option.contains(yield* folder.read(saltName), known.salt)) return false
            yield* folder.replace(name + extension, seal(known.unlocked, name, text))
            return true
          })
        )

      const put = Effect.fn("EncryptedFileStore.put")(function* (
        key: CredentialKey,
        credential: typeof CredentialJson.Type
      ) {
        const text = yield* Effect.orDie(Schema.encodeEffect(CredentialJson)(credential))
        while (!(yield* putUnder(yield* unlock, key.storageName, text))) continue
      })

      // The key goes last: until then what is left can still be read.
      const clear = changing(
        Effect.gen(function* () {
          yield* Effect.forEach(yield* sealedNames, folder.remove)
          yield* folder.remove(saltName)
          held = undefined
        })
      ).pipe(Effect.withSpan("EncryptedFileStore.clear"))

      const list = Effect.map(sealedNames, (names) =>
        names
          .flatMap((name) => Option.toArray(CredentialKey.fromStorageName(nameOf(name))))
          .toSorted((a, b) => (a.storageName < b.storageName ? -1 : 1))
      ).pipe(Effect.withSpan("EncryptedFileStore.list"))

      /** Puts a `.salt` in the place of one that was unlocked, here and on the disk. */
      const swap = (before: Lock, after: Lock) =>
        Effect.gen(function* () {
          yield* stillThere(before)
          yield* folder.replace(saltName, after.salt)
          held = after
        }).pipe(turn.withPermit, Effect.uninterruptible)

      const stillThere = Effect.fnUntraced(function* (known: Lock) {
        if (Option.contains(yield* folder.read(saltName), known.salt)) return
        return yield* fail(
          new Inaccessible({ path: saltPath, detail: "another process has replaced or removed it meanwhile" })
        )
      })

      /** One file as it is, and whether it opens; none where it was removed meanwhile. */
      const examine = Effect.fnUntraced(function* ({ unlocked }: Lock, file: string) {
        const text = yield* folder.read(file)
        if (Option.isNone(text)) return Option.none()
        const opened = open(unlocked, nameOf(file), text.value)
        // What a newer version wrote is not damaged, and who knows under which key it is.
        if (Result.isFailure(opened) && opened.failure._tag === "Newer")
          return yield* fault(pathOf(file), opened.failure)
        return Option.some({ file, text: text.value, opened: Result.getSuccess(opened) })
      })

      const examineAll = (known: Lock, files: ReadonlyArray<string>) =>
        Effect.map(
          Effect.forEach(files, (file) => examine(known, file), { concurrency: 8 }),
          (found) => found.flatMap(Option.toArray)
        )

      /** Seals these files anew where they need it; how many did. */
      const resealBatch = Effect.fnUntraced(function* (
        known: Lock,
        found: ReadonlyArray<{ file: string; text: string; opened: Option.Option<Opened> }>
      ) {
        const stale = found.flatMap(({ file, opened, text }) =>
          Option.isSome(opened) && opened.value.underRetiringKey
            ? [{ file, text, plain: opened.value.text }]
            : []
        )
        if (stale.length === 0) return
        // To bring them to the disk takes long, and harms nobody: only to publish them takes the lock.
        const prepared = yield* Effect.forEach(
          stale,
          ({ file, plain, text }) =>
            Effect.map(folder.prepare(file, seal(known.unlocked, nameOf(file), plain)), (waiting) => ({
              ...waiting,
              text
            })),
          { concurrency: 8 }
        )
        yield* changing(
          Effect.gen(function* () {
            for (const { name, publish, text } of prepared) {
              // What was put or removed meanwhile counts.
              if (Option.contains(yield* folder.read(name), text)) yield* publish
            }
            yield* folder.sync
          })
        )
      }, Effect.scoped)

      /** Seals anew what is under the retiring key, and once nothing is, lets go of that. */
      const finish = Effect.fnUntraced(function* (known: Lock) {
        for (;;) {
          let stale = 0
          let resealed = 0
          const damaged: Array<string> = []
          for (const files of Arr.chunksOf(yield* sealedNames, batchSize)) {
            const found = yield* examineAll(known, files)
            yield* resealBatch(known, found)
            for (const { file, opened } of found) {
              if (Option.isNone(opened)) damaged.push(pathOf(file))
              else if (opened.value.underRetiringKey) stale++
              else resealed++
            }
          }
          // Only a look at all of them that finds none may let it go.
          if (stale > 0) continue
          const after = withoutRetiring(known)
          yield* changing(swap(known, after))
          return { after, resealed, damaged: damaged.toSorted() }
        }
      })

      const newPassword = Effect.gen(function* () {
        const chosen = yield* variable("MCP_CLI_NEW_ENCRYPTION_KEY")
        if (Option.isSome(chosen)) return chosen.value
        return yield* Effect.catchReason(
          askForNew("Choose a new password for the token store"),
          "StorageError",
          "NoPassword",
          ({ attempts }) => new NoNewPassword(attempts === undefined ? {} : { attempts })
        )
      })

      const unlockToRekey = Effect.gen(function* () {
        const salt = yield* folder.read(saltName)
        if (Option.isSome(salt)) return yield* unlockedBy(salt.value)
        yield* refuseOrphans
        return yield* fail(
          new Inaccessible({
            path: saltPath,
            detail: "there is no token store yet, and so no password to change; the first sign-in makes one"
          })
        )
      })

      /** Fails with an error that came while the store was given this lock, and tells which password opens it now. */
      const failingAt = (next: Lock) => {
        const locksOfNext = [next.salt, withoutRetiring(next).salt]
        return Effect.fnUntraced(function* (error: StorageError) {
          // The error that there is says more than that even this cannot be read.
          const salt = yield* Effect.orElseSucceed(folder.read(saltName), () => Option.none<string>())
          const inForce = Option.isSome(salt) && locksOfNext.includes(salt.value)
          return yield* inForce ? adding(unfinished, error) : error
        })
      }

      const rekey = Effect.gen(function* () {
        const old = yield* unlockToRekey
        // What cannot be read, which may be mended, is told before anything is changed.
        yield* examineAll(old, yield* sealedNames)
        const password = yield* newPassword
        const before = old.unlocked.retiringKey === undefined ? old : (yield* finish(old)).after
        const next = yield* newLock(password, options.iterations ?? newIterations, before)
        const changed = Effect.andThen(changing(swap(before, next)), finish(next))
        const { damaged, resealed } = yield* changed.pipe(Effect.catch(failingAt(next)))
        return { resealed, damaged }
      }).pipe(Effect.withSpan("EncryptedFileStore.rekey"))

      // Whatever goes wrong here goes wrong again, and is said, when the key is needed.
      const warmUp = Effect.gen(function* () {
        if (Option.isNone(yield* given)) return
        const salt = yield* folder.read(saltName)
        if (Option.isSome(salt)) yield* unlockedBy(salt.value)
      }).pipe(Effect.ignore)
      yield* Effect.forkScoped(warmUp, { startImmediately: true })

      return Context.make(
        CredentialStore,
        CredentialStore.of({
          description: { backend: storageBackends.encrypted, location: options.directory },
          unlock: Effect.asVoid(unlock),
          get,
          put,
          remove: Effect.fn("EncryptedFileStore.remove")((key) =>
            changing(folder.remove(key.storageName + extension))
          ),
          clear,
          list
        })
      ).pipe(Context.add(StorageRekey, StorageRekey.of({ rekey })))
    })
  )
