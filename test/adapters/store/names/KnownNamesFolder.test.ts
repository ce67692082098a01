import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as KnownNamesFolder from "../../../../src/adapters/store/names/KnownNamesFolder.ts"
import { KnownNames } from "../../../../src/ports/KnownNames.ts"
import { serverNamed } from "../../../app/World.ts"
import { temporaryFolder } from "../../TemporaryFolder.ts"

const notion = serverNamed("notion")
const search = {
  name: "search",
  description: "Search",
  arguments: ["query", "sort"],
  values: { sort: ["new", "old"] }
}

/** A folder, and what remembers names in it. */
const memoryIn = Effect.gen(function* () {
  const home = yield* temporaryFolder
  const directory = join(home, "names")
  const sealed = join(home, "tokens")
  mkdirSync(sealed, { mode: 0o700 })
  const names = yield* KnownNames.pipe(Effect.provide(KnownNamesFolder.layer({ directory, sealed })))
  return { directory, names, sealed }
})

describe("the names that servers listed last", () => {
  it.effect("are those of the same server, place and kind", () =>
    Effect.gen(function* () {
      const { directory, names } = yield* memoryIn
      assert.deepEqual(yield* names.recall(notion, "tools"), [])
      yield* names.remember(notion, "tools", [search])
      yield* names.remember(notion, "prompts", [])
      assert.deepEqual(yield* names.recall(notion, "tools"), [search])
      assert.deepEqual(yield* names.recall(notion, "resources"), [])
      assert.deepEqual(yield* names.recall(serverNamed("other"), "tools"), [])
      const moved = { ...notion, url: new URL("https://elsewhere.test/mcp?key=secret") }
      assert.deepEqual(yield* names.recall(moved, "tools"), [])
      yield* names.remember(moved, "tools", [])
      assert.notInclude(readdirSync(directory).join(), "secret")
    })
  )

  it.effect("have no name that a terminal acts on, and no end of them", () =>
    Effect.gen(function* () {
      const { names } = yield* memoryIn
      const many = Array.from({ length: 1000 }, (_, at) => ({
        name: `t${at}`,
        description: "x".repeat(5000)
      }))
      yield* names.remember(notion, "tools", [{ name: "\u001b]0;x\u0007", description: "" }, ...many])
      const recalled = yield* names.recall(notion, "tools")
      assert.lengthOf(recalled, 500)
      assert.deepEqual(recalled[0], { name: "t0", description: "x".repeat(200) })
    })
  )

  it.effect.each([
    ["not JSON", "{"],
    ["another shape", '{"name":1}'],
    ["nothing", ""]
  ])("are none in a file that holds %s", ([, content]) =>
    Effect.gen(function* () {
      const { directory, names } = yield* memoryIn
      yield* names.remember(notion, "tools", [search])
      const file = join(directory, readdirSync(directory)[0] ?? "")
      assert.include(readFileSync(file, "utf8"), "search")
      writeFileSync(file, content ?? "")
      assert.deepEqual(yield* names.recall(notion, "tools"), [])
    })
  )

  it.effect("do not fail a listing if they cannot be written", () =>
    Effect.gen(function* () {
      const { directory, names } = yield* memoryIn
      writeFileSync(directory, "a file")
      yield* names.remember(notion, "tools", [search])
      yield* names.rememberAccount("notion", "work")
      assert.deepEqual(yield* names.recall(notion, "tools"), [])
      assert.deepEqual(yield* names.accounts("notion"), [])
    })
  )
})

describe("the accounts that are known without opening a store", () => {
  it.effect("of an account are gone once it is forgotten", () =>
    Effect.gen(function* () {
      const { directory, names } = yield* memoryIn
      yield* names.forgetAccount("notion", "work")
      yield* names.rememberAccount("notion", "work")
      yield* names.rememberAccount("notion", "home")
      yield* names.forgetAccount("notion", "work")
      assert.deepEqual(yield* names.accounts("notion"), ["home"])
      assert.deepEqual(readdirSync(directory), ["notion@home.account"])
    })
  )

  it.effect("have signed in, or have an encrypted file", () =>
    Effect.gen(function* () {
      const { names, sealed } = yield* memoryIn
      yield* names.rememberAccount("notion", "work")
      yield* names.rememberAccount("notion", "work")
      yield* names.rememberAccount("Notion 2", "my home")
      for (const file of ["notion.enc", "notion@work.enc", "linear@team.enc", ".salt", "not a name.enc"])
        writeFileSync(join(sealed, file), "", { mode: 0o600 })
      assert.sameMembers([...(yield* names.accounts("notion"))], ["default", "work"])
      assert.sameMembers([...(yield* names.accounts("Notion 2"))], ["my home"])
      assert.sameMembers([...(yield* names.accounts(undefined))], ["default", "work", "my home", "team"])
    })
  )
})
