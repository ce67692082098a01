import { createHash } from "node:crypto"
import { chmodSync, cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import fs, { type FileHandle } from "node:fs/promises"
import { syncBuiltinESMExports } from "node:module"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Context, Effect, Exit, Fiber, Layer, Option, Redacted, Result } from "effect"
import { TestClock } from "effect/testing"
import { vi } from "vitest"
import { errorText } from "../../../../src/app/cli/RemedyText.ts"
import { ScriptedAuthorizationServer } from "../../../../src/adapters/scripted/ScriptedAuthorizationServer.ts"
import { ScriptedUser } from "../../../../src/adapters/scripted/ScriptedUser.ts"
import * as MemoryLock from "../../../../src/adapters/lock/MemoryLock.ts"
import * as ProcessLock from "../../../../src/adapters/lock/ProcessLock.ts"
import * as EncryptedFileStore from "../../../../src/adapters/store/encrypted-file/EncryptedFileStore.ts"
import type * as KeyDerivation from "../../../../src/adapters/store/encrypted-file/KeyDerivation.ts"
import { AccessTokens } from "../../../../src/app/tokens/AccessTokens.ts"
import type { Credential } from "../../../../src/domain/Credential.ts"
import { CredentialKey } from "../../../../src/domain/CredentialKey.ts"
import { CredentialLock } from "../../../../src/ports/CredentialLock.ts"
import { CredentialStore } from "../../../../src/ports/CredentialStore.ts"
import { SecretPrompt } from "../../../../src/ports/SecretPrompt.ts"
import { StorageRekey } from "../../../../src/ports/StorageRekey.ts"
import { Unanswered } from "../../../../src/ports/TokenEndpoint.ts"
import { serverNamed, world } from "../../../app/World.ts"
import { credentialWith } from "../../../contract/CredentialStoreContract.ts"
import { temporaryFolder } from "../../TemporaryFolder.ts"

// How hard a password is to guess is not what is tested here, and there are hundreds of derivations.
vi.mock("../../../../src/adapters/store/encrypted-file/KeyDerivation.ts", async (original) => ({
  ...(await original<typeof KeyDerivation>()),
  deriveKey: async (password: string, salt: string, iterations: number) =>
    createHash("sha256")
      .update(JSON.stringify([password, salt, iterations]))
      .digest()
}))

const key = (at: number | string) => CredentialKey.of(`server ${at}`)
const tokenOf = (credential: Option.Option<Credential>) =>
  Option.getOrUndefined(
    Option.map(
      Option.flatMapNullishOr(credential, ({ tokens }) => tokens),
      ({ accessToken }) => Redacted.value(accessToken)
    )
  )

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
  readonly next?: string
  readonly nextFile?: string
  readonly lock?: Layer.Layer<CredentialLock>
  readonly prompt?: Layer.Layer<SecretPrompt>
}

/** The store as another process would open it. */
const layerOf = (directory: string, { lock = MemoryLock.layer, next, nextFile, password, prompt }: Options) =>
  EncryptedFileStore.layer({ directory, iterations: 480_000 }).pipe(
    Layer.provide(Layer.merge(prompt ?? typing().layer, lock)),
    Layer.provide(
      ConfigProvider.layer(
        ConfigProvider.fromEnv({
          env: {
            ...(password === undefined ? {} : { MCP_CLI_ENCRYPTION_KEY: password }),
            ...(next === undefined ? {} : { MCP_CLI_NEW_ENCRYPTION_KEY: next }),
            ...(nextFile === undefined ? {} : { MCP_CLI_NEW_ENCRYPTION_KEY_FILE: nextFile })
          }
        })
      )
    )
  )

const opened = <A, E>(
  directory: string,
  options: Options,
  work: (store: CredentialStore["Service"]) => Effect.Effect<A, E>
) => CredentialStore.use(work).pipe(Effect.provide(layerOf(directory, options)))

const rekeyed = (directory: string, options: Options) =>
  StorageRekey.use(({ rekey }) => rekey).pipe(Effect.provide(layerOf(directory, options)))

/** The tokens that a password gives, by server; fails where it gives none. */
const contentOf = (directory: string, password: string) =>
  opened(directory, { password }, (store) =>
    Effect.gen(function* () {
      const found = yield* Effect.forEach(yield* store.list, (listed) =>
        Effect.map(store.get(listed), (credential) => [listed.server, tokenOf(credential)] as const)
      )
      return Object.fromEntries(found)
    })
  )

const expected = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`server ${at}`, `token ${at}`]))

/** A folder with so many credentials, kept under the password `old password`. */
const filled = (count: number) =>
  Effect.gen(function* () {
    const directory = join(yield* temporaryFolder, "tokens")
    yield* opened(directory, { password: "old password" }, (store) =>
      Effect.forEach(
        Array.from({ length: count }, (_, at) => at),
        (at) => store.put(key(at), credentialWith(`token ${at}`)),
        { concurrency: 8 }
      )
    )
    return directory
  })

const saltOf = (directory: string) => readFileSync(join(directory, ".salt"), "utf8")
const snapshot = (directory: string) =>
  Object.fromEntries(
    readdirSync(directory).map((name) => [name, readFileSync(join(directory, name), "utf8")])
  )

/** Runs an effect whose process "dies" at its n-th write: that one, and none after it, happens (or only half does). */
const dyingAt = <A, E, R>(nth: number, happens: boolean, effect: Effect.Effect<A, E, R>) => {
  const { link, open, rename, rm, unlink } = fs
  let writes = 0
  const mortal =
    <Arguments extends ReadonlyArray<unknown>, B>(original: (...args: Arguments) => Promise<B>) =>
    async (...args: Arguments): Promise<B> => {
      writes++
      if (writes < nth) return original(...args)
      if (writes === nth && happens) {
        const done: unknown = await original(...args)
        // A process that died has closed what it had open.
        if (done !== null && typeof done === "object" && "close" in done) await (done as FileHandle).close()
      }
      throw Object.assign(new Error("dead"), { code: "EIO" })
    }
  return Effect.acquireUseRelease(
    Effect.sync(() => {
      Object.assign(fs, {
        open: mortal(open),
        link: mortal(link),
        rename: mortal(rename),
        rm: mortal(rm),
        unlink: mortal(unlink)
      })
      syncBuiltinESMExports()
    }),
    () => Effect.exit(effect),
    () =>
      Effect.sync(() => {
        Object.assign(fs, { open, link, rename, rm, unlink })
        syncBuiltinESMExports()
      })
  ).pipe(Effect.map((exit) => ({ exit, survived: writes < nth })))
}

/** A lock at which, before the n-th holder comes in, somebody else was faster. */
const overtakenAt = (nth: number, somebodyElse: Effect.Effect<unknown, unknown>) => {
  let holders = 0
  return Layer.succeed(CredentialLock, {
    withLock: () => (effect) =>
      Effect.suspend(() => (++holders === nth ? Effect.andThen(Effect.orDie(somebodyElse), effect) : effect))
  })
}

describe("a new password for encrypted files", () => {
  it.effect("opens all of 200, and the old one none", () =>
    Effect.gen(function* () {
      const directory = yield* filled(200)
      const before = snapshot(directory)
      const result = yield* rekeyed(directory, { password: "old password", next: "new password" })
      assert.deepEqual(result, { resealed: 200, damaged: [] })
      assert.deepEqual(yield* contentOf(directory, "new password"), expected(200))
      const error = yield* Effect.flip(contentOf(directory, "old password"))
      assert.strictEqual(error.reason._tag, "WrongPassword")
      const after = snapshot(directory)
      assert.sameMembers(Object.keys(after), Object.keys(before))
      for (const name of Object.keys(before)) assert.notStrictEqual(after[name], before[name])
      assert.notProperty(JSON.parse(saltOf(directory)), "retiringKey")
    })
  )

  it.effect("leaves nothing to who knows the old one and has kept the old .salt", () =>
    Effect.gen(function* () {
      const directory = yield* filled(2)
      const salt = saltOf(directory)
      yield* rekeyed(directory, { password: "old password", next: "new password" })
      writeFileSync(join(directory, ".salt"), salt)
      const files = [key(0), key(1)]
      for (const file of files) {
        const error = yield* Effect.flip(
          opened(directory, { password: "old password" }, (store) => store.get(file))
        )
        assert.strictEqual(error.reason._tag, "Corrupt")
      }
    })
  )

  it.effect("may be the one before: the keys are new all the same", () =>
    Effect.gen(function* () {
      const directory = yield* filled(1)
      const salt = saltOf(directory)
      yield* rekeyed(directory, { password: "old password", next: "old password" })
      assert.deepEqual(yield* contentOf(directory, "old password"), expected(1))
      writeFileSync(join(directory, ".salt"), salt)
      assert.strictEqual((yield* Effect.flip(contentOf(directory, "old password"))).reason._tag, "Corrupt")
    })
  )

  it.effect("is what this process goes on with, without asking again", () =>
    Effect.gen(function* () {
      const directory = yield* filled(1)
      const user = typing("old password", "short", "new password", "mistyped", "new password", "new password")
      yield* Effect.gen(function* () {
        const store = yield* CredentialStore
        assert.deepEqual(yield* StorageRekey.use(({ rekey }) => rekey), { resealed: 1, damaged: [] })
        yield* store.put(key(1), credentialWith("token 1"))
        assert.strictEqual(tokenOf(yield* store.get(key(0))), "token 0")
      }).pipe(Effect.provide(layerOf(directory, { prompt: user.layer })))
      assert.strictEqual(user.asked.length, 6)
      assert.deepEqual(yield* contentOf(directory, "new password"), expected(2))
    })
  )

  it.effect("is missed, with nothing changed, where there is none or an empty one", () =>
    Effect.gen(function* () {
      const directory = yield* filled(1)
      const before = snapshot(directory)
      for (const options of [{}, { next: "" }, { prompt: typing("", "", "").layer }]) {
        const error = yield* Effect.flip(rekeyed(directory, { password: "old password", ...options }))
        assert.strictEqual(error._tag, "NoNewPassword")
        assert.include(errorText(error), "MCP_CLI_NEW_ENCRYPTION_KEY")
      }
      assert.deepEqual(snapshot(directory), before)
    })
  )

  it.effect("is not given by who does not know the old one, or where there is no store", () =>
    Effect.gen(function* () {
      const directory = yield* filled(1)
      const before = snapshot(directory)
      const wrong = yield* Effect.flip(rekeyed(directory, { password: "wrong", next: "new password" }))
      assert.include(wrong.message, "does not open")
      assert.deepEqual(snapshot(directory), before)
      const none = join(directory, "none")
      assert.include(
        (yield* Effect.flip(rekeyed(none, { password: "x", next: "new password" }))).message,
        "no token store yet"
      )
      assert.isFalse(existsSync(none))
      rmSync(join(directory, ".salt"))
      const orphaned = yield* Effect.flip(
        rekeyed(directory, { password: "old password", next: "new password" })
      )
      assert.include(orphaned.message, "its .salt is missing")
    })
  )

  it.effect("leaves a damaged file as it is, names it, and goes on with the others", () =>
    Effect.gen(function* () {
      const directory = yield* filled(3)
      const path = join(directory, `${key(1).storageName}.enc`)
      const damaged = readFileSync(path, "utf8").slice(0, -20)
      writeFileSync(path, damaged)
      const result = yield* rekeyed(directory, { password: "old password", next: "new password" })
      assert.deepEqual(result, { resealed: 2, damaged: [path] })
      assert.strictEqual(readFileSync(path, "utf8"), damaged)
      assert.notProperty(JSON.parse(saltOf(directory)), "retiringKey")
      rmSync(path)
      assert.deepEqual(yield* contentOf(directory, "new password"), {
        "server 0": "token 0",
        "server 2": "token 2"
      })
    })
  )

  it.effect("waits, with nothing changed, for files that cannot be judged", () =>
    Effect.gen(function* () {
      const directory = yield* filled(2)
      const path = join(directory, `${key(1).storageName}.enc`)
      const content = readFileSync(path, "utf8")
      writeFileSync(path, content.replace('"version":1', '"version":2'))
      const before = snapshot(directory)
      const newer = yield* Effect.flip(rekeyed(directory, { password: "old password", next: "new password" }))
      assert.include(errorText(newer), "Upgrade")
      assert.deepEqual(snapshot(directory), before)
      writeFileSync(path, content)
      chmodSync(path, 0o644)
      const exposed = yield* Effect.flip(
        rekeyed(directory, { password: "old password", next: "new password" })
      )
      assert.include(errorText(exposed), "chmod 600")
      chmodSync(path, 0o600)
      assert.deepEqual(yield* contentOf(directory, "old password"), expected(2))
    })
  )

  it.effect("is never taken over by a .salt whose retiring key was altered", () =>
    Effect.gen(function* () {
      const directory = yield* filled(2)
      // Dies when the new .salt is there, and its temporary file is to be removed.
      yield* dyingAt(4, true, rekeyed(directory, { password: "old password", next: "new password" }))
      const file = JSON.parse(saltOf(directory)) as Record<string, unknown>
      assert.property(file, "retiringKey")
      const { checksum: _, ...before } = file
      const rest = { ...before, retiringKey: Buffer.alloc(60).toString("base64url") }
      const checksum = createHash("sha256").update(JSON.stringify(rest)).digest("base64url")
      writeFileSync(join(directory, ".salt"), `${JSON.stringify({ ...rest, checksum })}\n`)
      const error = yield* Effect.flip(
        rekeyed(directory, { password: "new password", next: "newer password" })
      )
      assert.include(error.message, "retiring key is altered")
    })
  )
})

describe("a new password in a file", () => {
  it.effect("is the content of the file, without the line break at its end", () =>
    Effect.gen(function* () {
      const directory = yield* filled(1)
      const nextFile = join(yield* temporaryFolder, "new")
      writeFileSync(nextFile, "new password\n")
      const user = typing()
      const options = { password: "old password", nextFile, prompt: user.layer }
      assert.deepEqual(yield* rekeyed(directory, options), { resealed: 1, damaged: [] })
      assert.deepEqual(user.asked, [])
      assert.deepEqual(yield* contentOf(directory, "new password"), expected(1))
    })
  )

  it.effect("changes nothing where it cannot be used, or a variable has a new password too", () =>
    Effect.gen(function* () {
      const directory = yield* filled(1)
      const before = snapshot(directory)
      const folder = yield* temporaryFolder
      const none = join(folder, "none")
      const short = join(folder, "short")
      writeFileSync(short, "short")
      const messageOf = (options: Options) =>
        Effect.map(Effect.flip(rekeyed(directory, { password: "old password", ...options })), errorText)
      assert.strictEqual(
        yield* messageOf({ nextFile: none }),
        [
          `${none}, which MCP_CLI_NEW_ENCRYPTION_KEY_FILE names, does not exist.`,
          "Correct MCP_CLI_NEW_ENCRYPTION_KEY_FILE, or put the password into that file."
        ].join("\n")
      )
      assert.strictEqual(
        yield* messageOf({ next: "new password", nextFile: none }),
        [
          "MCP_CLI_NEW_ENCRYPTION_KEY and MCP_CLI_NEW_ENCRYPTION_KEY_FILE are both set.",
          "Unset one of the two."
        ].join("\n")
      )
      const tooShort = yield* messageOf({ nextFile: short })
      assert.match(tooShort, /new password .* fewer than 8 characters/)
      assert.include(tooShort, "MCP_CLI_NEW_ENCRYPTION_KEY_FILE")
      assert.include(yield* messageOf({}), "MCP_CLI_NEW_ENCRYPTION_KEY_FILE")
      assert.deepEqual(snapshot(directory), before)
    })
  )
})

describe("a new password that is too short", () => {
  it.effect("is refused, and changes nothing", () =>
    Effect.gen(function* () {
      const directory = yield* filled(1)
      const before = snapshot(directory)
      const error = yield* Effect.flip(rekeyed(directory, { password: "old password", next: "short" }))
      assert.match(error.message, /new password .* fewer than 8 characters/)
      assert.include(errorText(error), "MCP_CLI_NEW_ENCRYPTION_KEY")
      assert.deepEqual(snapshot(directory), before)
    })
  )
})

describe("a change of password that was cut short", () => {
  it.effect("at any write leaves all under exactly one password, and is finished by the next", () =>
    Effect.gen(function* () {
      const template = yield* filled(3)
      const inForce = new Set<string>()
      const passwords = ["old password", "new password"]
      for (const happens of [false, true]) {
        for (let nth = 1; ; nth++) {
          const directory = join(yield* temporaryFolder, "tokens")
          cpSync(template, directory, { recursive: true })
          chmodSync(directory, 0o700)
          const { exit, survived } = yield* dyingAt(
            nth,
            happens,
            rekeyed(directory, { password: "old password", next: "new password" })
          )
          if (survived) {
            assert.isTrue(Exit.isSuccess(exit))
            assert.isAbove(nth, 15)
            break
          }
          const contents = yield* Effect.forEach(passwords, (password) =>
            Effect.option(contentOf(directory, password))
          )
          assert.strictEqual(contents.filter(Option.isSome).length, 1, `write ${nth}`)
          const current = Option.isSome(contents[0] ?? Option.none()) ? "old password" : "new password"
          inForce.add(current)
          assert.deepEqual(
            Option.getOrThrow(contents.flatMap(Option.toArray).map(Option.some)[0]!),
            expected(3)
          )
          if (Exit.isFailure(exit) && current === "new password") {
            assert.include(String(exit.cause), "The new password is in force already")
          }
          // What is put meanwhile is under the new data key, whoever puts it.
          yield* opened(directory, { password: current }, (store) =>
            store.put(key(3), credentialWith("token 3"))
          )
          const result = yield* rekeyed(directory, { password: current, next: "newest password" })
          assert.deepEqual(result, { resealed: 4, damaged: [] })
          assert.deepEqual(yield* contentOf(directory, "newest password"), expected(4))
          for (const password of passwords) {
            const error = yield* Effect.flip(contentOf(directory, password))
            assert.strictEqual(error.reason._tag, "WrongPassword")
          }
          assert.notProperty(JSON.parse(saltOf(directory)), "retiringKey")
        }
      }
      assert.sameMembers([...inForce], passwords)
    })
  )
})

describe("a change of password while others are at work", () => {
  it.effect("is noticed by a writer that had unlocked before", () =>
    Effect.gen(function* () {
      const directory = yield* filled(1)
      const lock = overtakenAt(1, rekeyed(directory, { password: "old password", next: "old password" }))
      yield* opened(directory, { password: "old password", lock }, (store) =>
        store.put(key(1), credentialWith("token 1"))
      )
      assert.deepEqual(yield* contentOf(directory, "old password"), expected(2))

      const before = snapshot(directory)
      const elsewhere = overtakenAt(1, rekeyed(directory, { password: "old password", next: "new password" }))
      const writing = opened(directory, { password: "old password", lock: elsewhere }, (store) =>
        store.put(key(2), credentialWith("token 2"))
      )
      assert.strictEqual((yield* Effect.flip(writing)).reason._tag, "WrongPassword")
      assert.sameMembers(Object.keys(snapshot(directory)), Object.keys(before))
      assert.deepEqual(yield* contentOf(directory, "new password"), expected(2))
    })
  )

  it.effect.each([
    { outcome: "goes on with the same one", password: "old password", next: "old password", refreshes: 2 },
    {
      outcome: "goes on with a new one that is typed",
      password: undefined,
      next: "new password",
      refreshes: 2
    },
    {
      outcome: "does not send it without the new one",
      password: "old password",
      next: "new password",
      refreshes: 1
    }
  ])("meets a process that is about to send a refresh token again, which $outcome", (given) =>
    Effect.gen(function* () {
      const directory = yield* filled(1)
      const server = serverNamed("notion")
      const get = AccessTokens.use((tokens) => tokens.get({ server }))
      const prompt = typing("old password", "new password").layer
      const store = layerOf(directory, { prompt, ...(given.password && { password: given.password }) })
      yield* Effect.gen(function* () {
        yield* get
        yield* TestClock.adjust("2 hours")
        const authorizationServer = yield* ScriptedAuthorizationServer
        yield* authorizationServer.failNext(new Unanswered({ detail: "it broke", end: "broke" }))
        const waiting = yield* Effect.forkChild(Effect.result(get))
        const { told } = yield* ScriptedUser
        while (told.length === 0) yield* Effect.promise(() => new Promise((done) => setImmediate(done)))
        yield* rekeyed(directory, { password: "old password", next: given.next })
        yield* TestClock.adjust("2 seconds")
        const result = yield* Fiber.join(waiting)
        assert.strictEqual(authorizationServer.counts.refreshes, given.refreshes)
        const stored = Redacted.make((yield* contentOf(directory, given.next))["notion"] ?? "")
        if (Result.isSuccess(result)) assert.isTrue(result.success.holds(stored))
        else assert.strictEqual(result.failure._tag, "StorageError")
        assert.strictEqual(Result.isSuccess(result), given.refreshes === 2)
      }).pipe(Effect.provide(world({ wrapStore: store })))
    })
  )

  it.effect("takes back nothing that was put or removed meanwhile", () =>
    Effect.gen(function* () {
      // The first holder replaces .salt, the second publishes what was sealed anew.
      const directory = yield* filled(3)
      const others = opened(directory, { password: "new password" }, (store) =>
        Effect.andThen(store.put(key(0), credentialWith("newer")), store.remove(key(1)))
      )
      const lock = overtakenAt(2, others)
      const result = yield* rekeyed(directory, { password: "old password", next: "new password", lock })
      assert.deepEqual(result, { resealed: 2, damaged: [] })
      assert.deepEqual(yield* contentOf(directory, "new password"), {
        "server 0": "newer",
        "server 2": "token 2"
      })
    })
  )

  it.effect("gives way to a store that was cleared, or given yet another password, meanwhile", () =>
    Effect.gen(function* () {
      for (const nth of [1, 2, 3]) {
        const directory = yield* filled(2)
        const password = nth === 1 ? "old password" : "new password"
        const other = rekeyed(directory, { password, next: "other password" })
        const lock = overtakenAt(nth, other)
        const error = yield* Effect.flip(
          rekeyed(directory, { password: "old password", next: "new password", lock })
        )
        assert.include(error.message, "another process has replaced or removed it")
        assert.deepEqual(yield* contentOf(directory, "other password"), expected(2))

        const clearing = overtakenAt(
          nth,
          opened(directory, {}, (store) => store.clear)
        )
        yield* Effect.flip(
          rekeyed(directory, { password: "other password", next: "new password", lock: clearing })
        )
        assert.deepEqual(readdirSync(directory), [])
      }
    })
  )

  it.live("loses nothing that another process was told is stored, and reading never fails", () =>
    Effect.gen(function* () {
      const directory = yield* filled(40)
      const locks = `${directory}.locks`
      const lock = () => ProcessLock.layer({ directory: locks })
      const context = yield* Layer.build(
        layerOf(directory, { password: "old password", next: "old password", lock: lock() })
      )
      const store = Context.get(
        yield* Layer.build(layerOf(directory, { password: "old password", lock: lock() })),
        CredentialStore
      )
      const newest = new Map<string, string>()
      const rekeying = { over: false }
      const writers = yield* Effect.forEach(
        [0, 1, 2],
        (writer) =>
          Effect.gen(function* () {
            for (let round = 0; !rekeying.over; round++) {
              yield* store.put(key(writer), credentialWith(`round ${round}`))
              newest.set(key(writer).server, `round ${round}`)
              assert.strictEqual(tokenOf(yield* store.get(key(writer))), `round ${round}`)
              assert.strictEqual(tokenOf(yield* store.get(key(writer + 20))), `token ${writer + 20}`)
            }
          }),
        { concurrency: "unbounded" }
      ).pipe(Effect.forkChild({ startImmediately: true }))
      const { rekey } = Context.get(context, StorageRekey)
      for (let times = 0; times < 4; times++) {
        assert.deepEqual(yield* rekey, { resealed: 40, damaged: [] })
      }
      rekeying.over = true
      yield* Fiber.join(writers)
      assert.strictEqual(newest.size, 3)
      assert.deepEqual(yield* contentOf(directory, "old password"), {
        ...expected(40),
        ...Object.fromEntries(newest)
      })
    })
  )
})
