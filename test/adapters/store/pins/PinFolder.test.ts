import { readdirSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as PinFolder from "../../../../src/adapters/store/pins/PinFolder.ts"
import { ToolPins } from "../../../../src/ports/ToolPins.ts"
import { temporaryFolder } from "../../TemporaryFolder.ts"

const notion = { name: "notion", account: "default", place: "https://mcp.notion.com/mcp?key=secret" }
const pin = (hash: string) => ({ hash, definition: `{"name":"${hash}"}`, isAllowed: false })

const folder = Effect.gen(function* () {
  const directory = join(yield* temporaryFolder, "tools")
  const pins = yield* ToolPins.pipe(Effect.provide(PinFolder.layer(directory)))
  return { directory, pins }
})

describe("the definitions of tools", () => {
  it.effect("are those of a server, its account and its place", () =>
    Effect.gen(function* () {
      const { pins } = yield* folder
      assert.strictEqual((yield* pins.recall(notion)).size, 0)
      yield* pins.remember(notion, new Map([["search", pin("a")]]))
      assert.deepStrictEqual([...(yield* pins.recall(notion))], [["search", pin("a")]])
      const others = [
        { ...notion, account: "work" },
        { ...notion, name: "linear" },
        { ...notion, place: "https://elsewhere.test" }
      ]
      for (const other of others) assert.strictEqual((yield* pins.recall(other)).size, 0)
    })
  )

  it.effect("are added and replaced by tool, also by several at the same time", () =>
    Effect.gen(function* () {
      const { pins } = yield* folder
      const names = Array.from({ length: 20 }, (_, at) => `tool${at}`)
      yield* Effect.forEach(names, (name) => pins.remember(notion, new Map([[name, pin("a")]])), {
        concurrency: "unbounded"
      })
      yield* pins.remember(notion, new Map([["tool3", { ...pin("b"), isAllowed: true }]]))
      const found = yield* pins.recall(notion)
      assert.sameMembers([...found.keys()], names)
      assert.deepStrictEqual(found.get("tool3"), { ...pin("b"), isAllowed: true })
      assert.deepStrictEqual(found.get("tool4"), pin("a"))
    })
  )

  it.effect("are in files of this user alone, whose names tell nothing", () =>
    Effect.gen(function* () {
      const { directory, pins } = yield* folder
      yield* pins.remember(notion, new Map([["__proto__", pin("a")]]))
      assert.deepStrictEqual((yield* pins.recall(notion)).get("__proto__"), pin("a"))
      const [file = ""] = readdirSync(directory)
      assert.strictEqual(statSync(join(directory, file)).mode & 0o777, 0o600)
      assert.notInclude(file, "secret")
    })
  )

  it.effect.each(["", "{}x", '{"search":{}}', "[]"])("that are damaged are an error: %s", (text) =>
    Effect.gen(function* () {
      const { directory, pins } = yield* folder
      yield* pins.remember(notion, new Map([["search", pin("a")]]))
      writeFileSync(join(directory, readdirSync(directory)[0] ?? ""), text)
      const error = yield* Effect.flip(pins.recall(notion))
      assert.strictEqual(error.reason._tag, "Corrupt")
    })
  )
})
