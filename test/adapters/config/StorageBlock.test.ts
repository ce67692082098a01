import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { Configuration, type StorageSettings } from "../../../src/ports/Configuration.ts"
import { errorsOf, type Options, withFile } from "./InMemoryFile.ts"

const settingsOf = (tokenStorage: unknown, options?: Options) =>
  Configuration.use((configuration) => configuration.tokenStorage).pipe(
    withFile({ mcpServers: {}, tokenStorage }, options)
  )

const unknown =
  "tokenStorage.backend: must be one of auto, keychain, windows, secretservice, vault, encrypted, memory"
const noAddress = "tokenStorage.vaultUrl: is missing: set it, or VAULT_ADDR"

/** The errors of using the block, one line each. */
const useErrorsOf = (tokenStorage: unknown, env: Record<string, string> = {}) =>
  Effect.map(Effect.flip(settingsOf(tokenStorage, { env })), ({ issues }) =>
    issues.map(({ location, message }) => `${location}: ${message}`)
  )

describe("the tokenStorage block", () => {
  it.effect("has defaults", () =>
    Effect.gen(function* () {
      const defaults: StorageSettings = { backend: "auto", password: undefined, vault: undefined }
      assert.deepInclude(yield* settingsOf({}), defaults)
      assert.deepInclude(
        yield* Configuration.use(({ tokenStorage }) => tokenStorage).pipe(withFile({ mcpServers: {} })),
        defaults
      )
    })
  )

  it.effect.each([
    "auto",
    "keychain",
    "windows",
    "secretservice",
    "vault",
    "encrypted",
    "memory",
    "${BACKEND}"
  ] as const)("keeps tokens by %s", (backend) =>
    Effect.gen(function* () {
      const env = { BACKEND: "memory", VAULT_ADDR: "https://vault.example" }
      const settings = yield* settingsOf({ backend }, { env })
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

  it.effect("says which variables it was read from", () =>
    Effect.gen(function* () {
      const env = {
        KEY: "hunter2hunter2",
        ADDRESS: "https://vault.example",
        VAULT_ADDR: "https://other.example",
        VAULT_TOKEN: "t",
        BAO_NAMESPACE: "team",
        VAULT_NAMESPACE: "not read",
        VAULT_CACERT: "",
        VAULT_CACERT_BYTES: "pem",
        OTHER: "x"
      }
      const variablesOf = (tokenStorage: unknown) =>
        Effect.map(settingsOf(tokenStorage, { env }), ({ variables }) => variables)
      assert.deepStrictEqual(yield* variablesOf({ password: "${KEY}", vaultUrl: "${ADDRESS}" }), {
        password: ["KEY"],
        vault: ["ADDRESS", "BAO_NAMESPACE", "VAULT_CACERT_BYTES", "VAULT_TOKEN"]
      })
      assert.deepStrictEqual(yield* variablesOf({ vaultAuth: { method: "approle", roleId: "${OTHER}" } }), {
        password: [],
        vault: ["VAULT_ADDR", "BAO_NAMESPACE", "VAULT_CACERT_BYTES", "OTHER"]
      })
      assert.isUndefined((yield* settingsOf({ password: "${KEY:-long enough}" })).variables)
    })
  )

  it.effect.each<readonly [string, unknown, ReadonlyArray<string>]>([
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
    [{ backend: "${BACKEND}" }, [unknown]],
    [{ backend: "vault" }, [noAddress]],
    [{ backend: "${BACKEND:-vault}-" }, [unknown]]
  ])("that is %o is wrong only once it is asked for", ([tokenStorage, expected]) =>
    Effect.gen(function* () {
      const env = { BACKEND: "Vault" }
      assert.deepStrictEqual(yield* errorsOf({ mcpServers: {}, tokenStorage }, { env }), [])
      assert.deepStrictEqual(yield* useErrorsOf(tokenStorage, env), expected)
    })
  )

  it.effect("needs the address of Vault only where Vault is named", () =>
    Effect.gen(function* () {
      for (const backend of ["auto", "keychain", "windows", "secretservice", "encrypted", "memory"]) {
        const written = { backend, vaultToken: "${NOPE}", vaultNamespace: "team" }
        assert.isUndefined((yield* settingsOf(written)).vault, backend)
      }
      assert.deepStrictEqual(yield* useErrorsOf({ backend: "vault" }, { VAULT_ADDR: "" }), [noAddress])
      assert.deepStrictEqual(yield* useErrorsOf({ backend: "vault", vault_url: "https://vault.example" }), [
        `${noAddress} (is "vault_url" a misspelling of "vaultUrl"?)`
      ])
      assert.deepStrictEqual(
        yield* useErrorsOf({ backend: "vault", password: "${KEY}", vaultAuth: { method: "${METHOD}" } }),
        [
          "tokenStorage.password: the environment variable KEY is not set or is empty",
          noAddress,
          "tokenStorage.vaultAuth.method: the environment variable METHOD is not set or is empty"
        ]
      )
    })
  )

  it.effect("tells of a faulty variable of Vault's only where Vault may be used", () =>
    Effect.gen(function* () {
      const env = { VAULT_ADDR: "garbage", VAULT_SKIP_VERIFY: "garbage" }
      const problems = [
        "VAULT_ADDR: must be an absolute http or https URL",
        "VAULT_SKIP_VERIFY: must be true or false"
      ]
      assert.deepStrictEqual(yield* useErrorsOf({}, env), problems)
      assert.deepStrictEqual(yield* useErrorsOf({ backend: "auto" }, env), problems)
      assert.deepStrictEqual(yield* useErrorsOf({ backend: "vault" }, env), problems)
      for (const backend of ["keychain", "windows", "secretservice", "encrypted", "memory"] as const) {
        assert.deepStrictEqual(
          yield* settingsOf({ backend }, { env }),
          { backend, password: undefined, vault: undefined },
          backend
        )
      }
      assert.deepStrictEqual(yield* useErrorsOf({ backend: "Vault" }, env), [unknown])
    })
  )

  it.effect("knows where Vault is under another backend too, so that sign-ins can be moved there", () =>
    Effect.gen(function* () {
      const written = { backend: "encrypted", vaultUrl: "https://vault.example" }
      assert.strictEqual((yield* settingsOf(written)).vault?.url.href, "https://vault.example/")
      assert.isUndefined((yield* settingsOf({ ...written, vaultToken: "${NOPE}" })).vault)
    })
  )

  it.effect("is checked for Vault under every backend", () =>
    Effect.gen(function* () {
      for (const backend of ["auto", "vault", "encrypted", "${BACKEND}"]) {
        assert.deepStrictEqual(
          yield* errorsOf({ mcpServers: {}, tokenStorage: { backend, vaultKvVersion: 3 } }),
          ["tokenStorage.vaultKvVersion: must be 1 or 2"],
          backend
        )
      }
    })
  )
})
