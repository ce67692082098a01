import { globSync, readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { bypassesOf } from "./OutputRules.ts"

describe("the output of src", () => {
  it("goes through the screen, which makes it safe for a terminal", () => {
    const found = globSync("src/**/*.ts").flatMap((file) => bypassesOf(file, readFileSync(file, "utf8")))
    assert.deepStrictEqual(found, [])
  })

  it.each([
    ["src/app/cli/Call.ts", "yield* Console.log(result)"],
    ["src/app/cli/Output.ts", "process.stdout.write(text)"],
    ["src/adapters/mcp/X.ts", "console.warn(tool.name)"],
    ["src/adapters/mcp/X.ts", "process.stderr.write(text)"],
    ["src/adapters/mcp/X.ts", "program.stderr.pipe(process.stderr)"],
    ["src/adapters/terminal/Terminal.ts", "process.stdout.write(text)"],
    ["src/live/X.ts", "yield* terminal.display(text); Terminal.display(text)"],
    ["src/live/X.ts", 'writeFileSync("/dev/tty", text)']
  ])("breaks the rule in %s: %s", (file, source) => {
    assert.lengthOf(bypassesOf(file, source), 1)
  })

  it("does not count what a program that we start prints to us", () => {
    assert.deepStrictEqual(bypassesOf("src/adapters/store/X.ts", 'child.stdout.on("data", read)'), [])
  })
})
