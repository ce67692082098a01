import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Option, Redacted } from "effect"
import * as ProcessLock from "../../../../src/adapters/lock/ProcessLock.ts"
import { chatFolder } from "../../../../src/adapters/store/chats/ChatFolder.ts"
import * as EncryptedFileStore from "../../../../src/adapters/store/encrypted-file/EncryptedFileStore.ts"
import type { WholeChat } from "../../../../src/ports/ChatHistory.ts"
import { CredentialStore } from "../../../../src/ports/CredentialStore.ts"
import { SealedTexts } from "../../../../src/ports/SealedTexts.ts"
import { SecretPrompt } from "../../../../src/ports/SecretPrompt.ts"
import { StorageRekey } from "../../../../src/ports/StorageRekey.ts"
import { temporaryFolder } from "../../TemporaryFolder.ts"

const chat = (id: string, savedAt = 1): WholeChat => ({
  id,
  savedAt,
  title: "list my pages",
  servers: ["notion"],
  model: "openai:gpt",
  messages: [
    { _tag: "User", content: [{ _tag: "Text", text: "list my pages" }] },
    {
      _tag: "Assistant",
      content: [
        { _tag: "Reasoning", text: "hm", providerData: { signature: "s" } },
        { _tag: "ToolCall", id: "1", name: "notion__search", arguments: "{}" }
      ]
    },
    {
      _tag: "Tool",
      results: [
        { id: "1", name: "notion__search", isError: false, content: [{ _tag: "Text", text: "Roadmap" }] }
      ]
    },
    { _tag: "Assistant", content: [{ _tag: "Text", text: "Roadmap" }] }
  ]
})

/** A folder of conversations; the encrypted store in the same place, if there is one. */
const folder = (isSealed: boolean) =>
  Effect.gen(function* () {
    const home = yield* temporaryFolder
    const directory = join(home, "chats")
    const tokens = join(home, "tokens")
    if (!isSealed)
      return {
        directory,
        tokens,
        chats: chatFolder({ directory, unlock: Effect.void, sealed: Effect.undefined })
      }
    const answers = ["a new password", "a new password"]
    const context = yield* Layer.build(
      EncryptedFileStore.layer({
        directory: tokens,
        password: Redacted.make("correct horse battery"),
        iterations: 480_000
      }).pipe(
        Layer.provide(ProcessLock.layer({ directory: join(home, "in-use") })),
        Layer.provide(
          Layer.succeed(SecretPrompt, {
            ask: () =>
              Effect.succeed(
                Option.fromUndefinedOr(answers.shift()).pipe(Option.map((text) => Redacted.make(text)))
              )
          })
        )
      )
    )
    const sealed = Effect.succeed(Context.get(context, SealedTexts))
    return { directory, tokens, context, chats: chatFolder({ directory, unlock: Effect.void, sealed }) }
  })

describe("kept conversations", () => {
  it.live.each([false, true])("come back as they were, the newest first (encrypted: %s)", (isSealed) =>
    Effect.gen(function* () {
      const { chats } = yield* folder(isSealed)
      assert.deepStrictEqual(yield* chats.list, [])
      for (const [at, id] of ["b", "a", "c"].entries()) yield* chats.save(chat(id, at))
      yield* chats.save(chat("b", 9))
      assert.deepStrictEqual(
        (yield* chats.list).map(({ id }) => id),
        ["b", "c", "a"]
      )
      assert.deepStrictEqual(yield* chats.open("b"), chat("b", 9))
      assert.isUndefined(yield* chats.open("d"))
    })
  )

  it.live("are files of this user alone", () =>
    Effect.gen(function* () {
      const { chats, directory } = yield* folder(false)
      yield* chats.save(chat("a"))
      assert.deepStrictEqual(readdirSync(directory), ["a.json"])
      assert.strictEqual(statSync(join(directory, "a.json")).mode & 0o777, 0o600)
    })
  )

  it.live("are encrypted beside encrypted sign-ins, are none of them, and survive a new password", () =>
    Effect.gen(function* () {
      const { chats, context, tokens } = yield* folder(true)
      yield* chats.save(chat("a"))
      const files = readdirSync(tokens).filter((file) => file !== ".salt")
      assert.deepStrictEqual(files, ["text+a.enc"])
      assert.notInclude(readFileSync(join(tokens, "text+a.enc"), "utf8"), "Roadmap")
      assert.isDefined(context)
      assert.deepStrictEqual(yield* Context.get(context, CredentialStore).list, [])
      const rekeyed = yield* Context.get(context, StorageRekey).rekey
      assert.deepStrictEqual(rekeyed, { resealed: 1, damaged: [] })
      assert.deepStrictEqual(yield* chats.open("a"), chat("a"))
    })
  )

  it.live.each([false, true])("are removed by their id, if they are there (encrypted: %s)", (isSealed) =>
    Effect.gen(function* () {
      const { chats } = yield* folder(isSealed)
      yield* chats.remove("a")
      yield* chats.save(chat("a"))
      yield* chats.save(chat("b"))
      yield* chats.remove("a")
      yield* chats.remove("../b")
      assert.deepStrictEqual(
        (yield* chats.list).map(({ id }) => id),
        ["b"]
      )
    })
  )

  it.live("are the last 50", () =>
    Effect.gen(function* () {
      const { chats } = yield* folder(false)
      for (let at = 0; at < 52; at++) yield* chats.save(chat(`c${at}`, at))
      const ids = (yield* chats.list).map(({ id }) => id)
      assert.strictEqual(ids.length, 50)
      assert.notIncludeMembers(ids, ["c0", "c1"])
    })
  )

  it.live.each(["../a", "", "a/b", "A", ".", "x".repeat(33)])("have no id that is a path: %s", (id) =>
    Effect.gen(function* () {
      const { chats, directory } = yield* folder(false)
      yield* chats.save(chat("b"))
      writeFileSync(join(directory, "..", "a.json"), JSON.stringify(chat("a")), { mode: 0o600 })
      assert.isUndefined(yield* chats.open(id))
    })
  )

  it.live("that are damaged are left out of the list, and an error to open", () =>
    Effect.gen(function* () {
      const { chats, directory } = yield* folder(false)
      yield* chats.save(chat("a"))
      yield* chats.save(chat("b"))
      writeFileSync(join(directory, "a.json"), "{")
      assert.deepStrictEqual(
        (yield* chats.list).map(({ id }) => id),
        ["b"]
      )
      assert.strictEqual((yield* Effect.flip(chats.open("a"))).reason._tag, "Corrupt")
    })
  )
})
