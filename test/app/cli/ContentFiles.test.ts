import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Stdio } from "effect"
import { TestConsole } from "effect/testing"
import { checkOutput, deliver } from "../../../src/app/cli/ContentFiles.ts"
import { Json } from "../../../src/app/cli/Settings.ts"
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
