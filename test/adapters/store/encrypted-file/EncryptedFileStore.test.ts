import { execFileSync, spawn } from "node:child_process"
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync
} from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer, Option, Redacted } from "effect"
import { errorText } from "../../../../src/app/cli/RemedyText.ts"
import * as MemoryLock from "../../../../src/adapters/lock/MemoryLock.ts"
import * as EncryptedFileStore from "../../../../src/adapters/store/encrypted-file/EncryptedFileStore.ts"
import { newSalt } from "../../../../src/adapters/store/encrypted-file/SaltFile.ts"
import { CredentialKey } from "../../../../src/domain/CredentialKey.ts"
import { CredentialLock } from "../../../../src/ports/CredentialLock.ts"
import { CredentialStore } from "../../../../src/ports/CredentialStore.ts"
import { SecretPrompt } from "../../../../src/ports/SecretPrompt.ts"
import { credentialWith } from "../../../contract/CredentialStoreContract.ts"
import { temporaryFolder } from "../../TemporaryFolder.ts"

const notion = CredentialKey.of("notion")
const linear = CredentialKey.of("linear")

/** Somebody who types these answers, one a question, and then is gone. */
const typing = (...answers: ReadonlyArray<string>) => {
  const asked: Array<string> = []
  const layer = Layer.succeed(SecretPrompt, {
    ask: (question) =>
      Effect.sync(() => {
        const answer = answers[asked.length]
        asked.push(question)
        return answer === undefined ? Option.none() : Option.some(Redacted.make(answer))
      })
  })
  return { asked, layer }
}

interface Options {
  readonly password?: string
  readonly environment?: Record<string, string>
  readonly prompt?: Layer.Layer<SecretPrompt>
  readonly iterations?: number
  readonly lock?: Layer.Layer<CredentialLock>
}

/** Runs with a store opened anew, as another process would. */
const opened = <A, E>(
  directory: string,
  work: (store: CredentialStore["Service"]) => Effect.Effect<A, E>,
  {
    environment = {},
    iterations = 480_000,
    lock = MemoryLock.layer,
    password,
    prompt = typing().layer
  }: Options = {
    password: "the right one"
  }
) =>
  CredentialStore.use(work).pipe(
    Effect.provide(
      EncryptedFileStore.layer({
        directory,
        iterations,
        ...(password === undefined ? {} : { password: Redacted.make(password) })
      }).pipe(
        Layer.provide(Layer.merge(prompt, lock)),
        Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env: environment })))
      )
    )
  )

const failure = <A, E extends { readonly message: string }>(effect: Effect.Effect<A, E>) =>
  Effect.flip(effect)
const snapshot = (directory: string) =>
  Object.fromEntries(
    readdirSync(directory).map((name) => [name, readFileSync(join(directory, name), "utf8")])
  )

/** A folder with one credential, kept under the password `the right one`. */
const filled = Effect.gen(function* () {
  const directory = join(yield* temporaryFolder, "tokens")
  yield* opened(directory, (store) => store.put(notion, credentialWith("a secret token")))
  return directory
})

describe("a store that does not exist yet", () => {
  it.effect.each<readonly [string, (folder: string) => string, detail: string]>([
    ["in a file", (folder) => join(folder, "file", "tokens"), "a part of its path is a file"],
    ["deep in a file", (folder) => join(folder, "file", "a", "b", "tokens"), "a part of its path is a file"],
    ["in a link to itself", (folder) => join(folder, "loop", "tokens"), "it is a symbolic link"]
  ])("is not new where it cannot be made: %s", ([, place, detail]) =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      writeFileSync(join(folder, "file"), "")
      symlinkSync(join(folder, "loop"), join(folder, "loop"))
      const isNew = (directory: string) => opened(directory, (store) => store.isNew ?? Effect.succeed(false))
      const error = yield* Effect.flip(isNew(place(folder)))
      assert.include(error.message, detail)
      const directory = join(folder, "a", "tokens")
      assert.isTrue(yield* isNew(directory))
      assert.isFalse(existsSync(join(folder, "a")))
    })
  )
})

describe("encrypted files", () => {
  it.effect("hold no token, and no other user may look into them", () =>
    Effect.gen(function* () {
      const before = process.umask(0)
      const directory = yield* filled.pipe(Effect.ensuring(Effect.sync(() => process.umask(before))))
      assert.strictEqual(statSync(directory).mode & 0o777, 0o700)
      assert.sameMembers(readdirSync(directory), [".salt", "notion.enc"])
      for (const [name, content] of Object.entries(snapshot(directory))) {
        assert.strictEqual(statSync(join(directory, name)).mode & 0o777, 0o600)
        assert.notInclude(content, "a secret token")
      }
      const salt = JSON.parse(snapshot(directory)[".salt"] ?? "") as { iterations: number }
      assert.strictEqual(salt.iterations, 480_000)
    })
  )

  it.effect("do not open with a wrong password, and stay as they are", () =>
    Effect.gen(function* () {
      const directory = yield* filled
      const before = snapshot(directory)
      const error = yield* failure(
        opened(directory, (store) => store.get(notion), { password: "the wrong one" })
      )
      assert.strictEqual(error.reason._tag, "WrongPassword")
      const writing = opened(directory, (store) => store.put(linear, credentialWith("x")), {
        password: "the wrong one"
      })
      assert.strictEqual((yield* failure(writing)).reason._tag, "WrongPassword")
      assert.deepEqual(snapshot(directory), before)
    })
  )

  it.effect("get another password once nothing is in them, and then open with that one only", () =>
    Effect.gen(function* () {
      const directory = yield* filled
      const password = "another one"
      const write = opened(directory, (store) => store.put(linear, credentialWith("x")), { password })
      assert.strictEqual((yield* failure(write)).reason._tag, "WrongPassword")
      yield* opened(directory, (store) => store.remove(notion))
      // Reading changes nothing.
      assert.isTrue(Option.isNone(yield* opened(directory, (store) => store.get(linear), { password })))
      const short = opened(directory, (store) => store.unlock, { password: "short" })
      assert.strictEqual((yield* failure(short)).reason._tag, "PasswordTooShort")
      yield* write
      assert.isTrue(Option.isSome(yield* opened(directory, (store) => store.get(linear), { password })))
      const before = opened(directory, (store) => store.get(linear))
      assert.strictEqual((yield* failure(before)).reason._tag, "WrongPassword")
    })
  )

  it.effect("ask for a new password once nothing is in them: the old one opens nothing", () =>
    Effect.gen(function* () {
      const directory = yield* filled
      yield* opened(directory, (store) => store.remove(notion))
      const before = snapshot(directory)
      const gone = typing()
      const unlocking = opened(directory, (store) => store.unlock, { prompt: gone.layer })
      assert.strictEqual((yield* failure(unlocking)).reason._tag, "NoPassword")
      assert.deepEqual(snapshot(directory), before)
      const { asked, layer: prompt } = typing("another one", "another one")
      yield* opened(directory, (store) => store.put(linear, credentialWith("x")), { prompt })
      assert.match(asked.join("\n"), /^Choose a password.*\nThe same password again$/)
      const password = "another one"
      assert.isTrue(Option.isSome(yield* opened(directory, (store) => store.get(linear), { password })))
    })
  )

  it.effect("keep what is stored while a user chooses a password for an empty store", () =>
    Effect.gen(function* () {
      const directory = yield* filled
      yield* opened(directory, (store) => store.remove(notion))
      const prompt = Layer.succeed(SecretPrompt, {
        // Another process stores something meanwhile.
        ask: () =>
          opened(directory, (store) => store.put(notion, credentialWith("a secret token"))).pipe(
            Effect.orDie,
            Effect.as(Option.some(Redacted.make("another one")))
          )
      })
      const write = opened(directory, (store) => store.put(linear, credentialWith("x")), { prompt })
      assert.strictEqual((yield* failure(write)).reason._tag, "WrongPassword")
      assert.isTrue(Option.isSome(yield* opened(directory, (store) => store.get(notion))))
    })
  )

  it.effect("are not taken for orphans where another process fills an empty store first", () =>
    Effect.gen(function* () {
      const directory = yield* filled
      yield* opened(directory, (store) => store.remove(notion))
      const password = "another one"
      let isFirst = true
      // Another process comes between the removal of the unused key and the new one.
      const lock = Layer.effect(
        CredentialLock,
        Effect.map(CredentialLock, (own) => ({
          ...own,
          withLock: (key, purpose) => (effect) =>
            Effect.tap(own.withLock(key, purpose)(effect), () => {
              if (!isFirst) return Effect.void
              isFirst = false
              return opened(directory, (store) => store.put(linear, credentialWith("x")), { password }).pipe(
                Effect.orDie
              )
            })
        }))
      ).pipe(Layer.provide(MemoryLock.layer))
      yield* opened(directory, (store) => store.put(notion, credentialWith("y")), { password, lock })
      for (const key of [notion, linear])
        assert.isTrue(Option.isSome(yield* opened(directory, (store) => store.get(key), { password })))
    })
  )

  it.effect("tell a newer version, and stay as they are", () =>
    Effect.gen(function* () {
      for (const name of [".salt", "notion.enc"]) {
        const directory = yield* filled
        const path = join(directory, name)
        writeFileSync(path, readFileSync(path, "utf8").replace('"version":1', '"version":2'))
        const before = snapshot(directory)
        const error = yield* failure(opened(directory, (store) => store.get(notion)))
        assert.deepInclude(error.reason, { _tag: "NewerVersion", version: 2 })
        assert.include(errorText(error), "Upgrade")
        assert.deepEqual(snapshot(directory), before)
      }
    })
  )

  it.effect("are never taken for good once a byte is changed or the end is missing", () =>
    Effect.gen(function* () {
      const directory = yield* filled
      yield* opened(directory, (store) =>
        Effect.gen(function* () {
          for (const name of [".salt", "notion.enc"]) {
            const path = join(directory, name)
            const whole = readFileSync(path)
            const variants = [
              ...Array.from(whole.keys(), (at) => whole.subarray(0, at)),
              ...Array.from(whole.keys(), (at) => {
                const changed = Buffer.from(whole)
                changed.writeUInt8(changed.readUInt8(at) ^ 1, at)
                return changed
              }),
              Buffer.concat([whole, Buffer.from("\n")])
            ]
            for (const variant of variants) {
              writeFileSync(path, variant)
              const error = yield* failure(store.get(notion))
              assert.include(["Corrupt", "NewerVersion"], error.reason._tag)
              assert.isTrue(readFileSync(path).equals(variant))
            }
            writeFileSync(path, whole)
          }
          assert.isTrue(Option.isSome(yield* store.get(notion)))
        })
      )
    })
  )

  it.effect("do not open under another name, or beside another .salt", () =>
    Effect.gen(function* () {
      const directory = yield* filled
      renameSync(join(directory, "notion.enc"), join(directory, "linear.enc"))
      assert.strictEqual(
        (yield* failure(opened(directory, (store) => store.get(linear)))).reason._tag,
        "Corrupt"
      )
      const other = yield* filled
      writeFileSync(join(other, ".salt"), readFileSync(join(directory, ".salt")))
      assert.strictEqual((yield* failure(opened(other, (store) => store.get(notion)))).reason._tag, "Corrupt")
    })
  )

  it.effect("whose .salt is gone are damaged, and a new one is not made over them", () =>
    Effect.gen(function* () {
      const directory = yield* filled
      rmSync(join(directory, ".salt"))
      const reading = yield* failure(opened(directory, (store) => store.get(notion)))
      assert.deepInclude(reading.reason, { _tag: "Corrupt", detail: "its .salt is missing" })
      const writing = opened(directory, (store) => store.put(linear, credentialWith("x")))
      assert.strictEqual((yield* failure(writing)).reason._tag, "Corrupt")
      assert.sameMembers(readdirSync(directory), ["notion.enc"])
    })
  )

  it.effect("start fresh, with another password, once all are deleted", () =>
    Effect.gen(function* () {
      const directory = yield* filled
      for (const name of readdirSync(directory)) rmSync(join(directory, name))
      const again = opened(
        directory,
        (store) => Effect.andThen(store.put(notion, credentialWith("new")), store.get(notion)),
        { password: "another one" }
      )
      assert.isTrue(Option.isSome(yield* again))
    })
  )

  it.effect("that others can read are refused, with the command that fixes it", () =>
    Effect.gen(function* () {
      const directory = yield* filled
      chmodSync(join(directory, "notion.enc"), 0o640)
      const file = yield* failure(opened(directory, (store) => store.get(notion)))
      assert.include(errorText(file), `chmod 600 '${join(directory, "notion.enc")}'`)
      chmodSync(directory, 0o755)
      const folder = yield* failure(opened(directory, (store) => store.get(notion)))
      assert.include(errorText(folder), `chmod 700 '${directory}'`)
    })
  )

  it.effect("are not followed through a symbolic link", () =>
    Effect.gen(function* () {
      const directory = yield* filled
      renameSync(join(directory, "notion.enc"), join(directory, "elsewhere"))
      symlinkSync("elsewhere", join(directory, "notion.enc"))
      const error = yield* failure(opened(directory, (store) => store.get(notion)))
      assert.deepInclude(error.reason, { _tag: "Inaccessible", detail: "it is a symbolic link" })
    })
  )

  it.effect("with fewer rounds than are safe are refused", () =>
    Effect.gen(function* () {
      const directory = join(yield* temporaryFolder, "tokens")
      // In order but for the number: a `.salt` whose number was altered does not open anyway.
      const weak = { password: "the right one", iterations: 479_999 }
      yield* opened(directory, (store) => store.put(notion, credentialWith("a")), weak)
      assert.strictEqual(
        (yield* failure(opened(directory, (store) => store.get(notion)))).reason._tag,
        "Corrupt"
      )
    })
  )

  it.effect("of an earlier day still open: the format stands", () =>
    Effect.gen(function* () {
      const directory = join(yield* temporaryFolder, "tokens")
      mkdirSync(directory, { mode: 0o700 })
      for (const name of [".salt", "notion.enc"]) {
        const content = readFileSync(new URL(`fixtures/version-1/${name}`, import.meta.url))
        writeFileSync(join(directory, name), content, { mode: 0o600 })
      }
      const found = yield* opened(directory, (store) => store.get(notion), { password: "correct horse" })
      const tokens = Option.flatMapNullishOr(found, (credential) => credential.tokens)
      assert.isTrue(
        Option.exists(tokens, ({ accessToken }) => Redacted.value(accessToken) === "a token of version 1")
      )
    })
  )

  it.live("that a dead writer left half-written are swept after an hour", () =>
    Effect.gen(function* () {
      const directory = yield* filled
      const old = join(directory, ".tmp-1-00000000-0000-0000-0000-000000000000")
      const young = join(directory, ".tmp-1-00000000-0000-0000-0000-000000000001")
      for (const path of [old, young]) writeFileSync(path, "half", { mode: 0o600 })
      utimesSync(old, 0, 0)
      yield* opened(directory, (store) => store.put(notion, credentialWith("new")))
      assert.isFalse(existsSync(old))
      assert.isTrue(existsSync(young))
    })
  )
})

describe("the password of encrypted files", () => {
  const stored = (directory: string, options: Options) =>
    opened(directory, (store) => store.get(notion), options)

  it.effect("comes from the configuration, then from MCP_CLI_ENCRYPTION_KEY, then from the user", () =>
    Effect.gen(function* () {
      const directory = yield* filled
      const environment = { MCP_CLI_ENCRYPTION_KEY: "the right one" }
      const user = typing("the right one")
      assert.isTrue(
        Option.isSome(
          yield* stored(directory, {
            password: "the right one",
            environment: { MCP_CLI_ENCRYPTION_KEY: "the wrong one" }
          })
        )
      )
      assert.isTrue(Option.isSome(yield* stored(directory, { environment, prompt: user.layer })))
      assert.deepEqual(user.asked, [])
      assert.isTrue(
        Option.isSome(
          yield* stored(directory, { environment: { MCP_CLI_ENCRYPTION_KEY: "" }, prompt: user.layer })
        )
      )
      assert.strictEqual(user.asked.length, 1)
    })
  )

  it.effect.each<readonly [string, string]>([
    ["the right one", "as it is"],
    ["the right one\n", "with a line break"],
    ["the right one\r\n", "with a line break of Windows"]
  ])("comes from the file that MCP_CLI_ENCRYPTION_KEY_FILE names: %j, %s", ([text]) =>
    Effect.gen(function* () {
      const directory = yield* filled
      const home = yield* temporaryFolder
      const file = join(home, "password")
      writeFileSync(file, text)
      for (const written of [file, "~/password"]) {
        const environment = { MCP_CLI_ENCRYPTION_KEY_FILE: written, HOME: home }
        assert.isTrue(Option.isSome(yield* stored(directory, { environment })))
      }
      // The configuration counts first, and then the file is not read.
      const environment = { MCP_CLI_ENCRYPTION_KEY_FILE: join(home, "none") }
      assert.isTrue(Option.isSome(yield* stored(directory, { password: "the right one", environment })))
    })
  )

  it.effect("keeps the spaces of its file", () =>
    Effect.gen(function* () {
      const directory = join(yield* temporaryFolder, "tokens")
      const file = join(yield* temporaryFolder, "password")
      writeFileSync(file, "  two spaces  \n")
      yield* opened(directory, (store) => store.put(notion, credentialWith("x")), {
        environment: { MCP_CLI_ENCRYPTION_KEY_FILE: file }
      })
      assert.isTrue(Option.isSome(yield* stored(directory, { password: "  two spaces  " })))
    })
  )

  it.live.skipIf(process.platform === "win32")("comes once from a pipe, and is used again", () =>
    Effect.gen(function* () {
      const directory = yield* filled
      const pipe = join(yield* temporaryFolder, "pipe")
      execFileSync("mkfifo", [pipe])
      const writer = spawn("sh", ["-c", `sleep 0.1; echo "the right one" > '${pipe}'`], { stdio: "ignore" })
      const environment = { MCP_CLI_ENCRYPTION_KEY_FILE: pipe }
      const found = opened(
        directory,
        (store) => Effect.andThen(store.put(linear, credentialWith("x")), store.get(linear)),
        { environment }
      )
      assert.isTrue(Option.isSome(yield* found))
      assert.isTrue(Option.isSome(yield* stored(directory, { environment })))
      assert.strictEqual(writer.exitCode ?? 0, 0)
    })
  )

  it.live.skipIf(process.platform === "win32")("is not waited for in a pipe that nothing is written to", () =>
    Effect.gen(function* () {
      const directory = yield* filled
      const pipe = join(yield* temporaryFolder, "pipe")
      execFileSync("mkfifo", [pipe])
      const environment = { MCP_CLI_ENCRYPTION_KEY_FILE: pipe }
      const interrupted = stored(directory, { environment }).pipe(Effect.timeoutOption("100 millis"))
      assert.isTrue(Option.isNone(yield* interrupted))
      assert.include(errorText(yield* failure(stored(directory, { environment }))), "is empty")
    })
  )

  it.effect.each<readonly [string, (file: string) => void, string]>([
    ["is UTF-16", (file) => writeFileSync(file, "\ufeffthe right one\r\n", "utf16le"), "is not UTF-8 text"],
    ["does not exist", () => undefined, "does not exist"],
    ["is empty", (file) => writeFileSync(file, "\n"), "is empty"],
    ["is a folder", (file) => mkdirSync(file), "is a folder"],
    ["has no end", (file) => symlinkSync("/dev/zero", file), "is longer than any secret (64 KiB)"]
  ])("is missed where its file %s", ([, make, problem]) =>
    Effect.gen(function* () {
      const directory = yield* filled
      const file = join(yield* temporaryFolder, "password")
      make(file)
      const user = typing("the right one")
      const error = yield* failure(
        stored(directory, { environment: { MCP_CLI_ENCRYPTION_KEY_FILE: file }, prompt: user.layer })
      )
      assert.strictEqual(
        errorText(error),
        [
          `${file}, which MCP_CLI_ENCRYPTION_KEY_FILE names, ${problem}.`,
          "Correct MCP_CLI_ENCRYPTION_KEY_FILE, or put the password into that file."
        ].join("\n")
      )
      assert.deepEqual(user.asked, [])
    })
  )

  it.effect("is not guessed where two variables name one", () =>
    Effect.gen(function* () {
      const directory = yield* filled
      const file = join(yield* temporaryFolder, "password")
      writeFileSync(file, "the right one")
      const both = { MCP_CLI_ENCRYPTION_KEY: "the right one", MCP_CLI_ENCRYPTION_KEY_FILE: file }
      assert.strictEqual(
        errorText(yield* failure(stored(directory, { environment: both }))),
        [
          "MCP_CLI_ENCRYPTION_KEY and MCP_CLI_ENCRYPTION_KEY_FILE are both set.",
          "Unset one of the two."
        ].join("\n")
      )
      for (const name of ["MCP_CLI_ENCRYPTION_KEY", "MCP_CLI_ENCRYPTION_KEY_FILE"]) {
        const environment = { ...both, [name]: "" }
        assert.isTrue(Option.isSome(yield* stored(directory, { environment })))
      }
    })
  )

  it.effect("is missed where there is none and nobody to ask", () =>
    Effect.gen(function* () {
      const directory = yield* filled
      const error = yield* failure(stored(directory, {}))
      assert.strictEqual(error.reason._tag, "NoPassword")
      assert.include(errorText(error), "MCP_CLI_ENCRYPTION_KEY")
      assert.include(errorText(error), "MCP_CLI_ENCRYPTION_KEY_FILE")
    })
  )

  it.effect("is asked for twice where the store is new, and again where the two differ", () =>
    Effect.gen(function* () {
      const directory = join(yield* temporaryFolder, "tokens")
      const user = typing("right one", "wrong one", "right one", "right one")
      yield* opened(directory, (store) => store.put(notion, credentialWith("x")), { prompt: user.layer })
      assert.strictEqual(user.asked.length, 4)
      assert.strictEqual(
        user.asked[0],
        "Choose a password of 8 characters or more for the new token store. Every command asks for it, unless MCP_CLI_ENCRYPTION_KEY is set"
      )
      assert.isTrue(Option.isSome(yield* stored(directory, { password: "right one" })))
    })
  )

  it.effect("has eight characters or more where the store is new, however many bytes they take", () =>
    Effect.gen(function* () {
      for (const short of ["", "1234567", "ééééééé", "🔑🔑🔑🔑🔑🔑🔑"]) {
        const directory = join(yield* temporaryFolder, "tokens")
        const user = typing(short, "8 chars.", "8 chars.")
        yield* opened(directory, (store) => store.put(notion, credentialWith("x")), { prompt: user.layer })
        assert.match(user.asked[1] ?? "", /^That has fewer than 8 characters\. Choose a password/)
        assert.isTrue(Option.isSome(yield* stored(directory, { password: "8 chars." })))
      }
      const directory = join(yield* temporaryFolder, "tokens")
      const stubborn = typing("short", "short", "short")
      const error = yield* failure(
        opened(directory, (store) => store.put(notion, credentialWith("x")), { prompt: stubborn.layer })
      )
      assert.include(errorText(error), "of 8 characters or more")
    })
  )

  it.effect.each(["short", "1234567", "ééééééé"])(
    "is refused where the store is new, and it is %s",
    (short) =>
      Effect.gen(function* () {
        const put = (directory: string, options: Options) =>
          opened(directory, (store) => store.put(notion, credentialWith("x")), options)
        const file = join(yield* temporaryFolder, "password")
        writeFileSync(file, `${short}\n`)
        for (const options of [
          { password: short },
          { environment: { MCP_CLI_ENCRYPTION_KEY: short } },
          { environment: { MCP_CLI_ENCRYPTION_KEY_FILE: file } }
        ]) {
          const directory = join(yield* temporaryFolder, "tokens")
          const error = yield* failure(put(directory, options))
          assert.strictEqual(error.reason._tag, "PasswordTooShort")
          assert.include(errorText(error), "fewer than 8 characters")
          assert.include(errorText(error), "MCP_CLI_ENCRYPTION_KEY")
          assert.isFalse(existsSync(join(directory, ".salt")))
          yield* put(directory, { password: "8 chars." })
        }
      })
  )

  it.effect("opens a store that an earlier version made with a short one", () =>
    Effect.gen(function* () {
      const directory = join(yield* temporaryFolder, "tokens")
      const { salt } = yield* newSalt(Redacted.make("short"), 480_000)
      mkdirSync(directory, { mode: 0o700 })
      writeFileSync(join(directory, ".salt"), salt, { mode: 0o600 })
      yield* opened(directory, (store) => store.put(notion, credentialWith("x")), { password: "short" })
      assert.isTrue(Option.isSome(yield* stored(directory, { password: "short" })))
    })
  )

  it.effect("may be mistyped twice, and is asked for once a process", () =>
    Effect.gen(function* () {
      const directory = yield* filled
      const user = typing("the wrong one", "the wrong one", "the right one")
      yield* opened(
        directory,
        (store) =>
          Effect.all([store.get(notion), store.get(notion), store.put(linear, credentialWith("x"))], {
            concurrency: "unbounded"
          }),
        { prompt: user.layer }
      )
      assert.strictEqual(user.asked.length, 3)
    })
  )

  it.effect("is not asked for to look for what is not there, to list, or to forget", () =>
    Effect.gen(function* () {
      const directory = yield* filled
      const user = typing("the right one")
      yield* opened(
        directory,
        (store) =>
          Effect.gen(function* () {
            assert.isTrue(Option.isNone(yield* store.get(linear)))
            assert.strictEqual((yield* store.list).length, 1)
            assert.isTrue(yield* store.remove(notion))
          }),
        { prompt: user.layer }
      )
      assert.deepEqual(user.asked, [])
    })
  )
})
