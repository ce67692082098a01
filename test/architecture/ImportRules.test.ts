import { globSync, readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { violationsOf } from "./ImportRules.ts"

describe("the architecture of src", () => {
  it("holds in every file", () => {
    const files = globSync("src/**/*.ts").map((file) => file.replaceAll("\\", "/"))
    assert.isAbove(files.length, 40)
    assert.deepEqual(
      files.flatMap((file) => violationsOf(file, readFileSync(file, "utf8"))),
      []
    )
  })

  const planted: ReadonlyArray<readonly [rule: string, file: string, source: string]> = [
    ["domain stands on nothing", "src/domain/A.ts", `import type { B } from "../ports/B.ts"`],
    ["ports stand on domain", "src/ports/A.ts", `export { b } from "../app/B.ts"`],
    ["contracts stand on domain and ports", "src/testing/A.ts", `import { b } from "../adapters/x/B.ts"`],
    [
      "only adapters and the root import packages and Node",
      "src/testing/A.ts",
      `import { assert } from "vitest"`
    ],
    ["app does not see adapters", "src/app/A.ts", `const b = await import("../adapters/http/B.ts")`],
    ["app does not see adapters", "src/app/cli/A.ts", `type B = import("../../adapters/http/B.ts").B`],
    [
      "the composition root stands above app",
      "src/app/cli/A.ts",
      `import { live } from "../../live/Live.ts"`
    ],
    ["folders of app see only those below", "src/app/tokens/A.ts", `import { b } from "../http/B.ts"`],
    [
      "folders of app see only those below",
      "src/app/signin/grants/A.ts",
      `import { b } from "../../tokens/B.ts"`
    ],
    [
      "folders of app see only those below",
      "src/app/storage/A.ts",
      `import type { B } from "../credentials/B.ts"`
    ],
    ["folders of app see only those below", "src/app/doctor/A.ts", `export { b } from "../session/B.ts"`],
    ["a file of app is in one of its folders", "src/app/A.ts", ""],
    ["adapters do not see app", "src/adapters/x/A.ts", `import * as B from "../../app/B.ts"`],
    ["adapters do not see each other", "src/adapters/x/A.ts", `import { b } from "../y/B.ts"`],
    ["adapters do not see each other", "src/adapters/platform/A.ts", `import { b } from "../http/B.ts"`],
    [
      "domain and ports use stable modules of effect",
      "src/domain/A.ts",
      `import { FileSystem } from "effect"`
    ],
    [
      "domain and ports use stable modules of effect",
      "src/ports/A.ts",
      `import * as Http from "effect/http"`
    ],
    [
      "only adapters and the root import packages and Node",
      "src/domain/A.ts",
      `import { join } from "node:path"`
    ],
    ["only adapters and the root import packages and Node", "src/app/A.ts", `import "@effect/platform-node"`],
    ["only adapters and the root import packages and Node", "src/index.ts", `export * from "oauth4webapi"`],
    ["no barrels inside", "src/domain/index.ts", `export * from "./A.ts"`],
    ["a name says what it holds", "src/app/utils.ts", ""],
    ["only the CLI names its commands", "src/domain/A.ts", 'const a = "Run: mcp-cli auth login"'],
    ["only the CLI names its commands", "src/ports/A.ts", "const a = `mcp-cli tools ${b} shows them`"],
    ["only the CLI names its commands", "src/adapters/x/A.ts", "const a = `Run it ${b} with --no-browser`"]
  ]

  it.for(planted)("is broken by: %s, %s, %s", ([rule, file, source]) => {
    assert.include(
      violationsOf(file, source).map((violation) => violation.rule),
      rule
    )
  })

  it("lets pass what it should", () => {
    assert.deepEqual(
      violationsOf(
        "src/adapters/x/A.ts",
        `import { b } from "../http/B.ts"; import { c } from "../platform/C.ts"; import "node:fs"`
      ),
      []
    )
    assert.deepEqual(violationsOf("src/live/Live.ts", `import * as B from "../adapters/x/B.ts"`), [])
    assert.deepEqual(violationsOf("src/app/http/A.ts", `import * as B from "../tokens/B.ts"`), [])
    assert.deepEqual(violationsOf("src/app/signin/SignIn.ts", `import { b } from "./grants/B.ts"`), [])
    assert.deepEqual(violationsOf("src/app/cli/A.ts", `import { Command } from "effect/cli"`), [])
    assert.deepEqual(violationsOf("src/app/cli/A.ts", 'const a = "Run: mcp-cli auth login"'), [])
    assert.deepEqual(
      violationsOf(
        "src/domain/A.ts",
        '// mcp-cli auth login\nconst a = ["auth login", "mcp-cli upgrade", "a -- b"]'
      ),
      []
    )
  })
})
