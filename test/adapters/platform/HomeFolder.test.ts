import { homedir } from "node:os"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect } from "effect"
import { configuredHome } from "../../../src/adapters/platform/ConfiguredHome.ts"
import { homeFolder } from "../../../src/adapters/platform/HomeFolder.ts"

describe("the home folder", () => {
  it.effect.each<readonly [Readonly<Record<string, string>>, string]>([
    [{ HOME: "/home/u", USERPROFILE: "C:\\Users\\u" }, "/home/u"],
    [{ USERPROFILE: "C:\\Users\\u" }, "C:\\Users\\u"],
    [{ HOME: "" }, homedir()],
    [{}, homedir()]
  ])("is found alike before and after the program is loaded: %o", ([env, expected]) =>
    Effect.gen(function* () {
      assert.strictEqual(
        homeFolder((name) => env[name]),
        expected
      )
      assert.strictEqual(yield* configuredHome, expected)
    }).pipe(Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env })))
  )
})
