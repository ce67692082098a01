import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { Configuration, type StorageSettings } from "../../../src/ports/Configuration.ts"
import { errorsOf, type Options, withFile } from "./InMemoryFile.ts"

const settingsOf = (tokenStorage: unknown, options?: Options) =>
  Configuration.use((configuration) => configuration.tokenStorage).pipe(
    withFile({ mcpServers: {}, tokenStorage }, options)
  )

const later =
  "tokenStorage.backend: this backend is not available in this version: use auto, encrypted, memory"
const unknown = "tokenStorage.backend: must be one of auto, encrypted, memory"

describe("the tokenStorage block", () => {
  it.effect("has defaults", () =>
    Effect.gen(function* () {
      const defaults: StorageSettings = { backend: "auto", password: undefined }
      assert.deepStrictEqual(yield* settingsOf({}), defaults)
      assert.deepStrictEqual(
        yield* Configuration.use(({ tokenStorage }) => tokenStorage).pipe(withFile({ mcpServers: {} })),
        defaults
      )
    })
  )

  it.effect.each(["auto", "encrypted", "memory", "${BACKEND}"])("keeps tokens by %s", (backend) =>
    Effect.gen(function* () {
      const settings = yield* settingsOf({ backend }, { env: { BACKEND: "memory" } })
      assert.strictEqual(settings.backend, backend === "${BACKEND}" ? "memory" : backend)
    })
  )

  it.effect("has a password that is not shown", () =>
    Effect.gen(function* () {
      const { password } = yield* settingsOf({ password: "${KEY}!" }, { env: { KEY: "hunter2" } })
      assert.isDefined(password)
      assert.strictEqual(Redacted.value(password!), "hunter2!")
      assert.notInclude(`${String(password)} ${JSON.stringify(password)}`, "hunter2")
    })
  )

  it.effect.each<readonly [string, unknown, ReadonlyArray<string>]>([
    ["keychain", { backend: "keychain" }, [later]],
    ["windows", { backend: "windows" }, [later]],
    ["secretservice", { backend: "secretservice" }, [later]],
    ["vault", { backend: "vault" }, [later]],
    ["another backend", { backend: "Encrypted" }, [unknown]],
    ["an empty backend", { backend: "" }, [unknown]],
    ["a backend that is no string", { backend: null }, ["tokenStorage.backend: must be a string"]],
    ["a password that is no string", { password: 1234 }, ["tokenStorage.password: must be a string"]],
    ["an empty password", { password: "" }, ["tokenStorage.password: must not be empty"]],
    ["no object", "auto", ["tokenStorage: must be an object"]],
    ["null", null, ["tokenStorage: must be an object"]]
  ])("may not have %s", ([, tokenStorage, expected]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* errorsOf({ mcpServers: {}, tokenStorage }), expected)
    })
  )

  it.effect.each<readonly [unknown, ReadonlyArray<string>]>([
    [{ password: "${KEY}" }, ["tokenStorage.password: the environment variable KEY is not set or is empty"]],
    [{ password: "${KEY:-}" }, ["tokenStorage.password: must not be empty"]],
    [{ backend: "${BACKEND}" }, [later]]
  ])("that is %o is wrong only once it is asked for", ([tokenStorage, expected]) =>
    Effect.gen(function* () {
      const options = { env: { BACKEND: "vault" } }
      assert.deepStrictEqual(yield* errorsOf({ mcpServers: {}, tokenStorage }, options), [])
      const error = yield* Effect.flip(settingsOf(tokenStorage, options))
      assert.deepStrictEqual(
        error.issues.map(({ path, problem }) => `${path}: ${problem}`),
        expected
      )
    })
  )
})
