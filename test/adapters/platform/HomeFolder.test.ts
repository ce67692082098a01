import { homedir } from "node:os"
import { resolve } from "node:path"
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

  it("is the root for a user that the system does not know", () => {
    const unknown = () => {
      throw new Error("uv_os_homedir returned ENOENT")
    }
    assert.strictEqual(
      homeFolder(() => undefined, unknown),
      resolve("/")
    )
    assert.strictEqual(
      homeFolder((name) => (name === "HOME" ? "/data" : undefined), unknown),
      "/data"
    )
  })
})
