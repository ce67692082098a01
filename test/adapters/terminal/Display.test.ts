import { assert, describe, it } from "@effect/vitest"
import { displayOf } from "../../../src/adapters/terminal/Display.ts"

const [screen, pipe] = [{ isTTY: true, columns: 80 }, {}]

const canColor = (argv: string, env: Readonly<Record<string, string>>, stdout: object) =>
  displayOf({ argv: argv.split(" "), env, stdout, stderr: pipe }).canColor

describe("colours", () => {
  it.each<[boolean, string, Readonly<Record<string, string>>, object]>([
    [true, "servers", {}, screen],
    [false, "servers", {}, pipe],
    [false, "servers", { NO_COLOR: "1" }, screen],
    [true, "servers", { NO_COLOR: "" }, screen],
    [true, "servers", { FORCE_COLOR: "1" }, pipe],
    [true, "servers", { FORCE_COLOR: "true", TERM: "dumb" }, pipe],
    [false, "servers", { FORCE_COLOR: "0" }, screen],
    [false, "servers", { FORCE_COLOR: "false" }, screen],
    [false, "servers", { FORCE_COLOR: "1", NO_COLOR: "1" }, screen],
    [false, "servers", { TERM: "dumb" }, screen],
    [true, "servers --color always", { NO_COLOR: "1" }, pipe],
    [true, "--color=always servers", {}, pipe],
    [false, "servers --color never", { FORCE_COLOR: "1" }, screen],
    [true, "servers --color never --color auto", {}, screen],
    [false, "call demo echo -- --color always", {}, pipe]
  ])("%s: %s %o", (expected, argv, env, stdout) => {
    assert.strictEqual(canColor(argv, env, stdout), expected)
  })

  it("are decided for stdout and stderr apart", () => {
    const display = displayOf({ argv: [], env: {}, stdout: pipe, stderr: screen })
    assert.deepEqual([display.canColor, display.canColorErrors, display.columns], [false, true, undefined])
  })

  it("come with a width only where a terminal has one", () => {
    for (const stdout of [{ isTTY: true, columns: 0 }, { isTTY: true }, { columns: 80 }])
      assert.isUndefined(displayOf({ argv: [], env: {}, stdout, stderr: pipe }).columns)
    assert.strictEqual(displayOf({ argv: [], env: {}, stdout: screen, stderr: pipe }).columns, 80)
  })
})
