import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Redacted } from "effect"
import * as StoredModelKeys from "../../../src/app/storage/StoredModelKeys.ts"
import { StorageMove } from "../../../src/app/storage/StorageMove.ts"
import { CredentialKey } from "../../../src/domain/CredentialKey.ts"
import { serverNameProblem } from "../../../src/domain/ServerRules.ts"
import { CredentialStore } from "../../../src/ports/CredentialStore.ts"
import { ModelKeys } from "../../../src/ports/ModelKeys.ts"
import { credentialWith } from "../../contract/CredentialStoreContract.ts"
import { machine, program } from "../StorageWorld.ts"

const layer = StoredModelKeys.layer.pipe(Layer.provideMerge(program))
const origin = "https://api.openai.com"
const key = Redacted.make("sk-of-a-user")

const findIn = (provider: string, at = origin) =>
  Effect.map(
    ModelKeys.use((keys) => keys.find(provider, at)),
    (found) => Option.getOrUndefined(Option.map(found, Redacted.value))
  )

describe("the keys of providers of models", () => {
  it.effect("are for one origin, and no sign-ins", () =>
    Effect.gen(function* () {
      const keys = yield* ModelKeys
      const store = yield* CredentialStore
      yield* store.put(CredentialKey.of("openai"), credentialWith("a token"))
      yield* keys.put("openai", origin, key)
      assert.strictEqual(yield* findIn("openai"), "sk-of-a-user")
      for (const other of ["https://evil.test", "http://api.openai.com", "https://api.openai.com:8443"]) {
        assert.isUndefined(yield* findIn("openai", other))
      }
      assert.deepStrictEqual(yield* keys.providers, ["openai"])
      assert.deepStrictEqual(
        (yield* store.list).map(({ server }) => server),
        ["openai"]
      )
      assert.isTrue(yield* keys.remove("openai"))
      assert.isFalse(yield* keys.remove("openai"))
      assert.isUndefined(yield* findIn("openai"))
      assert.isTrue(Option.isSome(yield* store.get(CredentialKey.of("openai"))))
    }).pipe(Effect.provide(Layer.provideMerge(layer, machine({}))))
  )

  it.effect("move with the sign-ins", () =>
    Effect.gen(function* () {
      const keys = yield* ModelKeys
      yield* keys.put("groq", origin, key)
      const { from, moved } = yield* StorageMove.use((service) => service.move("encrypted"))
      assert.deepStrictEqual(from, ["secretservice"])
      assert.deepStrictEqual(
        moved.map(({ modelProvider }) => modelProvider),
        ["groq"]
      )
      assert.strictEqual(yield* findIn("groq"), "sk-of-a-user")
    }).pipe(Effect.provide(Layer.provideMerge(layer, machine({ keyring: "secretservice" }))))
  )

  it("have names that no server of a configuration can have", () => {
    for (const provider of ["openai", "a b", "Größe", "..", ""]) {
      const name = CredentialKey.ofModels(provider)
      assert.isDefined(serverNameProblem(name.server))
      assert.strictEqual(
        Option.getOrUndefined(CredentialKey.fromStorageName(name.storageName))?.modelProvider,
        provider
      )
    }
    for (const server of ["openai", "models", "%01openai"]) {
      assert.isUndefined(CredentialKey.of(server).modelProvider)
    }
  })
})
