import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Stdio } from "effect"
import { TestConsole } from "effect/testing"
import { ofToolResult } from "../../../src/adapters/mcp/McpContents.ts"
import { checkOutput, deliver } from "../../../src/app/cli/ContentFiles.ts"
import { Json } from "../../../src/app/cli/Settings.ts"
import { ByteParts } from "../../../src/domain/ByteParts.ts"
import { LongText } from "../../../src/domain/LongText.ts"
import type { McpAnswer } from "../../../src/ports/McpConnector.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "mcp-cli-files-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true }))
)

const platform = Layer.mergeAll(
  NodeFileSystem.layer,
  Layer.succeed(Json, false),
  Stdio.layerTest({ stdoutIsTerminal: Effect.succeed(true) })
)

const pictures = (...texts: ReadonlyArray<string>): McpAnswer => ({
  content: texts.map((text) => ({
    _tag: "Binary" as const,
    mimeType: "image/png",
    bytes: text.length,
    base64: btoa(text)
  })),
  raw: {}
})

describe("an answer with long texts", () => {
  const long = 'é "🌍"\n'.repeat(30_000)
  const inPieces = (text: string) => new LongText(ByteParts.ofText(JSON.stringify(text).slice(1, -1)))
  const picture = Buffer.from(long)
  const answer = ofToolResult({
    content: [
      { type: "text", text: inPieces(long) },
      { type: "text", text: "short" }
    ]
  })
  const withPicture = ofToolResult({
    content: [
      { type: "image", mimeType: "image/png", data: inPieces(picture.toString("base64")) },
      { type: "text", text: inPieces(long) }
    ]
  })
  const printed = Effect.map(TestConsole.logLines, (lines) => lines.join("\n"))

  it.effect.each([true, false])("is printed whole, to a terminal: %s", (isTerminal) =>
    Effect.gen(function* () {
      yield* deliver(answer, { output: Option.none(), overwrite: false })
      assert.strictEqual(yield* printed, `${long}\nshort`)
    }).pipe(Effect.provide([platform, Stdio.layerTest({ stdoutIsTerminal: Effect.succeed(isTerminal) })]))
  )

  it.effect("is printed as JSON", () =>
    Effect.gen(function* () {
      yield* deliver(withPicture, { output: Option.none(), overwrite: false })
      assert.deepStrictEqual(JSON.parse(yield* printed), withPicture.raw)
    }).pipe(Effect.provideService(Json, true), Effect.provide(platform))
  )

  it.effect("is saved, pictures and texts", () =>
    Effect.gen(function* () {
      const at = yield* folder
      const to = (name: string) => ({ output: Option.some(join(at, name)), overwrite: false })
      yield* deliver(answer, to("answer.txt"))
      assert.strictEqual(readFileSync(join(at, "answer.txt"), "utf8"), `${long}\nshort`)
      yield* deliver(withPicture, to("cat.png"))
      assert.isTrue(readFileSync(join(at, "cat.png")).equals(picture))
      assert.strictEqual(yield* printed, long)
      assert.match((yield* Effect.flip(deliver(answer, to("answer.txt")))).message, /answer\.txt exists\.$/)
    }).pipe(Effect.scoped, Effect.provide(platform))
  )
})

describe("--output", () => {
  it.effect("replaces no file and loses no part of an answer of several", () =>
    Effect.gen(function* () {
      const at = yield* folder
      writeFileSync(join(at, "cat-2.png"), "mine")
      const output = { output: Option.some(join(at, "cat.png")), overwrite: false }
      yield* checkOutput(output)
      yield* deliver(pictures("a", "b", "c"), output)
      const contents = readdirSync(at).map((name) => [name, readFileSync(join(at, name), "utf8")])
      assert.deepEqual(Object.fromEntries(contents), {
        "cat.png": "a",
        "cat-2.png": "mine",
        "cat-3.png": "b",
        "cat-4.png": "c"
      })
      assert.include((yield* TestConsole.errorLines).join("\n"), `Saved ${join(at, "cat-4.png")} (image/png`)

      yield* deliver(pictures("x", "y"), { ...output, overwrite: true })
      assert.strictEqual(readFileSync(join(at, "cat-2.png"), "utf8"), "y")
    }).pipe(Effect.scoped, Effect.provide(platform))
  )

  it.effect.each<[what: string, name: string, problem: RegExp]>([
    ["exists", "there.png", /there\.png exists\.$/],
    ["is a folder", "sub", /sub is a folder\. Name a file in it: --output \S+\/sub\/FILE$/],
    ["is a folder with a slash", "sub/", /sub\/ is a folder\. Name a file in it: --output \S+\/sub\/FILE$/],
    ["is in no folder", "none/cat.png", /There is no folder \S+\/none\/ for --output\.$/],
    ["is below a file", "there.png/cat.png", /There is no folder \S+there\.png\/ for --output\.$/]
  ])("is refused before anything is requested if it %s", ([, name, problem]) =>
    Effect.gen(function* () {
      const at = yield* folder
      writeFileSync(join(at, "there.png"), "mine")
      mkdirSync(join(at, "sub"))
      const output = { output: Option.some(join(at, name)), overwrite: name !== "there.png" }
      assert.match((yield* Effect.flip(checkOutput(output))).message, problem)
    }).pipe(Effect.scoped, Effect.provide(platform))
  )
})
