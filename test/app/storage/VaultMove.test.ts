import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Option } from "effect"
import { StorageMove } from "../../../src/app/storage/StorageMove.ts"
import { CredentialKey } from "../../../src/domain/CredentialKey.ts"
import { CredentialLock } from "../../../src/ports/CredentialLock.ts"
import { CredentialStore } from "../../../src/ports/CredentialStore.ts"
import { StorageBackends } from "../../../src/ports/StorageBackends.ts"
import { programOf, settingsFor, vaultDouble } from "../../adapters/store/vault/VaultWorld.ts"
import { credentialWith } from "../../contract/CredentialStoreContract.ts"
import type { VaultServer } from "../../servers/VaultServer.ts"
import { Machine, machine, program } from "../StorageWorld.ts"

const keys = Array.from({ length: 20 }, (_, index) => CredentialKey.of(`server-${index}`))
const [first = CredentialKey.of("none")] = keys
const vaultOnly = { keyring: "secretservice" } as const

/** A machine whose Vault is a double that speaks HTTP. */
const withVault = <A, E>(
  use: (vault: VaultServer, store: CredentialStore["Service"]) => Effect.Effect<A, E, Machine | StorageMove>
) =>
  Effect.gen(function* () {
    const vault = yield* vaultDouble()
    const opened = yield* Layer.build(programOf(settingsFor(vault)))
    const here = yield* Layer.build(machine(vaultOnly))
    const backends = Context.get(here, StorageBackends)
    const store = Context.get(opened, CredentialStore)
    const all = Context.add(here, StorageBackends, {
      ...backends,
      open: (name) =>
        name === "vault"
          ? Effect.succeed({ store, lock: Context.get(opened, CredentialLock) })
          : backends.open(name)
    })
    const result = yield* use(vault, store).pipe(
      Effect.provide(Layer.provideMerge(program, Layer.succeedContext(all)))
    )
    assert.deepStrictEqual(vault.violations, [])
    return result
  })

const move = (to: string) => StorageMove.use((service) => service.move(to))

describe("a move", () => {
  it.live("into Vault needs three requests for each sign-in, and out of it four", () =>
    withVault((vault, store) =>
      Effect.gen(function* () {
        const here = yield* Machine
        for (const key of keys) yield* here.store("encrypted").put(key, credentialWith(key.server))
        yield* here.choose({ backend: "encrypted", reason: "", since: 1, migratingFrom: [] })
        yield* move("vault")
        assert.lengthOf(yield* store.list, keys.length)
        const into = vault.requests.length
        assert.isAtMost(into, 3 * keys.length + 12)
        yield* move("encrypted")
        assert.isAtMost(vault.requests.length - into, 4 * keys.length + 6)
        for (const key of keys) assert.isTrue(Option.isSome(yield* here.store("encrypted").get(key)))
        assert.deepStrictEqual(vault.paths("secret"), [])
      })
    )
  )

  it.live("into Vault does not replace what another machine stores there meanwhile", () =>
    withVault((vault, store) =>
      Effect.gen(function* () {
        const here = yield* Machine
        yield* here.store("encrypted").put(first, credentialWith("old"))
        yield* here.choose({ backend: "encrypted", reason: "", since: 1, migratingFrom: [] })
        yield* store.put(CredentialKey.of("model"), credentialWith("new", 9))
        const [model] = vault.versions("secret", "mcp-cli/oauth/model")
        vault.fault("conflict", {
          match: /POST secret\/data\/mcp-cli\/oauth\/server-0/,
          write: () => ({ record: String(model?.data?.["record"]).replaceAll("model", first.server) })
        })
        yield* move("vault")
        const stored = JSON.stringify(vault.versions("secret", "mcp-cli/oauth/server-0"))
        assert.include(stored, "refresh of new")
        assert.notInclude(stored, "refresh of old")
      })
    )
  )

  it.live.each([
    ["it was refreshed after the copy", (text: string) => text.replaceAll("of old", "of new")],
    ["another machine holds its lease", undefined]
  ] as const)("out of Vault takes what is there at the end: %s", ([, change]) =>
    withVault((vault, store) =>
      Effect.gen(function* () {
        const here = yield* Machine
        yield* store.put(first, credentialWith("old", 1))
        yield* here.choose({ backend: "vault", reason: "", since: 1, migratingFrom: [] })
        const path = "mcp-cli/oauth/server-0"
        const record = () => String(vault.versions("secret", path).at(-1)?.data?.["record"])
        const refreshed = change?.(record()).replace(/"generation":1/, '"generation":2') ?? record()
        vault.fault("conflict", {
          match: new RegExp(`POST secret/data/${path}`),
          write: (current) =>
            change === undefined
              ? { ...current, lease: "another-machine 1", write: "theirs" }
              : { record: refreshed, write: "theirs" }
        })
        yield* move("encrypted")
        const found = Option.getOrThrow(yield* here.store("encrypted").get(first))
        assert.strictEqual(found.generation, change === undefined ? 1 : 2)
        assert.deepStrictEqual(vault.paths("secret"), [])
      })
    )
  )
})
