import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import * as FileEditorLive from "../../../src/adapters/edit/FileEditor.ts"
import { FileEditor } from "../../../src/ports/FileEditor.ts"
import { temporaryFolder } from "../TemporaryFolder.ts"

const isRoot = process.getuid?.() === 0
const modeOf = (path: string) => fs.statSync(path).mode & 0o777

const edit = (file: string, change: (text: string | undefined) => string) =>
  FileEditor.use((editor) => editor.edit(file, (text) => Effect.sync(() => change(text))))

/** The message of an edit that is refused. The file has to be as before, and nothing may be left beside it. */
const refusalOf = Effect.fnUntraced(function* (file: string, change: (text: string | undefined) => string) {
  const folder = join(file, "..")
  const before = fs.readdirSync(folder)
  const { message } = yield* Effect.flip(edit(file, change))
  assert.deepStrictEqual(fs.readdirSync(folder), before)
  return message.replace(folder, "")
})

describe("FileEditor", () => {
  it.layer(FileEditorLive.layer)((it) => {
    it.effect("replaces a text, keeps the mode, and keeps the text before in one backup", () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        for (const mode of [0o600, 0o644, 0o660]) {
          const file = join(folder, `${mode}.json`)
          fs.writeFileSync(file, "one")
          fs.chmodSync(file, mode)
          assert.deepStrictEqual(yield* edit(file, (text) => `${text} two`), {
            backup: `${file}.bak`,
            text: "one two"
          })
          yield* edit(file, (text) => `${text} three`)
          assert.strictEqual(fs.readFileSync(file, "utf8"), "one two three")
          assert.strictEqual(fs.readFileSync(`${file}.bak`, "utf8"), "one two")
          assert.deepStrictEqual([modeOf(file), modeOf(`${file}.bak`)], [mode, mode])
        }
        assert.lengthOf(fs.readdirSync(folder), 6)
      })
    )

    it.effect("makes a new file, and its folder, for this user alone", () =>
      Effect.gen(function* () {
        const file = join(yield* temporaryFolder, "new", "file.json")
        assert.deepStrictEqual(yield* edit(file, (text) => `${text}`), {
          backup: undefined,
          text: "undefined"
        })
        assert.deepStrictEqual([modeOf(file), modeOf(join(file, ".."))], [0o600, 0o700])
        assert.deepStrictEqual(fs.readdirSync(join(file, "..")), ["file.json"])
      })
    )

    it.effect("replaces the target of a link, also of one whose target is missing", () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const [link, chain, target] = [
          join(folder, "link"),
          join(folder, "chain"),
          join(folder, "of", "target")
        ]
        fs.mkdirSync(join(folder, "of"))
        fs.symlinkSync("of/target", link)
        fs.symlinkSync(link, chain)
        yield* edit(link, () => "one")
        yield* edit(chain, (text) => `${text} two`)
        assert.strictEqual(fs.readFileSync(target, "utf8"), "one two")
        assert.isTrue(fs.lstatSync(link).isSymbolicLink() && fs.lstatSync(chain).isSymbolicLink())
        assert.deepStrictEqual(fs.readdirSync(join(folder, "of")), ["target", "target.bak"])
      })
    )

    it.effect("writes through no link that is made during the edit, if it must not", () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const [file, other] = [join(folder, "file"), join(folder, "other")]
        fs.writeFileSync(file, "text")
        fs.writeFileSync(other, "text")
        const swapped = FileEditor.use((editor) =>
          editor.edit(
            file,
            () =>
              Effect.sync(() => {
                fs.rmSync(file)
                fs.symlinkSync(other, file)
                return "written"
              }),
            { noLinkBelow: folder }
          )
        )
        const { message } = yield* Effect.flip(Effect.provide(swapped, FileEditorLive.layer))
        assert.include(message, "is behind a symbolic link now, to ")
        assert.strictEqual(fs.readFileSync(other, "utf8"), "text")
        assert.deepStrictEqual(fs.readdirSync(folder), ["file", "other"])
      })
    )

    it.effect("replaces a link in the place of the backup", () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const [file, other] = [join(folder, "file"), join(folder, "other")]
        fs.writeFileSync(file, "one")
        fs.writeFileSync(other, "mine")
        fs.symlinkSync(other, `${file}.bak`)
        yield* edit(file, () => "two")
        assert.strictEqual(fs.readFileSync(other, "utf8"), "mine")
        assert.strictEqual(fs.readFileSync(`${file}.bak`, "utf8"), "one")
      })
    )

    it.effect("writes nothing if nothing changes", () =>
      Effect.gen(function* () {
        const file = join(yield* temporaryFolder, "file")
        fs.writeFileSync(file, "\uFEFFone\r\n")
        const { ino } = fs.statSync(file)
        yield* edit(file, (text) => `${text}`)
        assert.strictEqual(fs.statSync(file).ino, ino)
        assert.isFalse(fs.existsSync(`${file}.bak`))
      })
    )

    it.effect("refuses to overwrite what another program writes at the same time", () =>
      Effect.gen(function* () {
        const file = join(yield* temporaryFolder, "file")
        const meanwhile: ReadonlyArray<readonly [before: string | undefined, act: () => void]> = [
          ["one", () => fs.writeFileSync(file, "theirs")],
          ["one", () => fs.rmSync(file)],
          [undefined, () => fs.writeFileSync(file, "theirs")]
        ]
        for (const [before, act] of meanwhile) {
          fs.rmSync(file, { force: true })
          if (before !== undefined) fs.writeFileSync(file, before)
          const error = yield* Effect.flip(
            edit(file, () => {
              act()
              return "mine"
            })
          )
          assert.include(
            error.message,
            "was changed by another program at the same time. It was not changed."
          )
          if (fs.existsSync(file)) assert.strictEqual(fs.readFileSync(file, "utf8"), "theirs")
        }
      })
    )

    it.effect("refuses what is no file, no UTF-8, and not to be written to", () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        fs.mkdirSync(join(folder, "folder"))
        fs.writeFileSync(join(folder, "latin1"), Buffer.from("caf\xe9", "latin1"))
        fs.symlinkSync("loop", join(folder, "loop"))
        // A writer that does not end it.
        execFileSync("mkfifo", [join(folder, "pipe")])
        const writer = fs.openSync(join(folder, "pipe"), "r+")
        yield* Effect.addFinalizer(() => Effect.sync(() => fs.closeSync(writer)))
        const cases = [
          ["pipe", "is not a file"],
          ["folder", "cannot be read: it is a folder|is not a file"],
          ["latin1", "is not UTF-8 text"],
          ["loop", "cannot be read: it is a symbolic link"]
        ] as const
        for (const [name, problem] of cases) {
          assert.match(
            yield* refusalOf(join(folder, name), () => "mine"),
            new RegExp(`^/${name} (${problem}). It was not changed.$`)
          )
        }
        if (isRoot) return
        fs.writeFileSync(join(folder, "fixed"), "one", { mode: 0o400 })
        assert.include(
          yield* refusalOf(join(folder, "fixed"), () => "mine"),
          "cannot be written: permission denied"
        )
      })
    )

    it.effect("edits by one process at a time, so that none is lost", () =>
      Effect.gen(function* () {
        const file = join(yield* temporaryFolder, "file")
        fs.writeFileSync(file, "")
        const names = Array.from({ length: 20 }, (_, index) => `${index},`)
        const edits = Effect.forEach(names, (name) => edit(file, (text) => text + name), {
          concurrency: "unbounded"
        })
        yield* TestClock.withLive(edits)
        assert.sameMembers(fs.readFileSync(file, "utf8").match(/\d+,/g) ?? [], names)
      })
    )

    it.effect("takes over from a process that was killed", () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const file = join(folder, "file")
        fs.writeFileSync(join(folder, ".file.mcp-cli"), "a part")
        fs.utimesSync(join(folder, ".file.mcp-cli"), 0, 0)
        yield* TestClock.adjust("1 hour")
        yield* edit(file, () => "mine")
        assert.deepStrictEqual(fs.readdirSync(folder), ["file"])
      })
    )
  })
})
