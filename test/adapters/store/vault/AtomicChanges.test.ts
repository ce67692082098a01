import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { CredentialKey } from "../../../../src/domain/CredentialKey.ts"
import { CredentialStore } from "../../../../src/ports/CredentialStore.ts"
import { credentialWith } from "../../../contract/CredentialStoreContract.ts"
import type { VaultServer } from "../../../servers/VaultServer.ts"
import { programOf, settingsFor, vaultDouble } from "./VaultWorld.ts"

const notion = CredentialKey.of("notion")
const path = "mcp-cli/oauth/notion"
const [one, other] = [credentialWith("one", 1), credentialWith("other", 2)]

const changes = CredentialStore.use(({ atomic }) => Effect.succeed(atomic ?? assert.fail()))
const create = (credential = one) => Effect.flatMap(changes, (atomic) => atomic.create(notion, credential))
const removeSame = (credential = one) =>
  Effect.flatMap(changes, (atomic) => atomic.removeSame(notion, credential))
const get = CredentialStore.use((store) => store.get(notion))
const put = (credential = one) => CredentialStore.use((store) => store.put(notion, credential))

/** Runs over a double, which sees no request that is not documented. */
const over = <A, E>(
  mountPoint: "secret" | "kv",
  use: (vault: VaultServer) => Effect.Effect<A, E, CredentialStore>
) =>
  Effect.gen(function* () {
    const vault = yield* vaultDouble()
    yield* use(vault).pipe(Effect.provide(programOf(settingsFor(vault, { mountPoint }))))
    assert.deepStrictEqual(vault.violations, [])
  })

describe("a change without a lock", () => {
  it.live("stores the first record only", () =>
    over("secret", () =>
      Effect.gen(function* () {
        assert.isTrue(yield* create(one))
        assert.isFalse(yield* create(other))
        assert.strictEqual(Option.getOrThrow(yield* get).generation, 1)
      })
    )
  )

  it.live("stores a record whose answer was lost once", () =>
    over("secret", (vault) =>
      Effect.gen(function* () {
        vault.fault("drop after", { match: /POST secret\/data/ })
        assert.isTrue(yield* create(one))
        assert.lengthOf(vault.versions("secret", path), 1)
      })
    )
  )

  it.live("removes a record that is still the same", () =>
    over("secret", (vault) =>
      Effect.gen(function* () {
        yield* put(one)
        assert.isTrue(yield* removeSame(one))
        assert.deepStrictEqual(vault.paths("secret"), [])
        assert.isFalse(yield* removeSame(one))
      })
    )
  )

  it.live.each([
    ["has other tokens", (vault: VaultServer) => vault.versions("secret", path).at(-1)?.data ?? {}, other],
    [
      "has a lease",
      (vault: VaultServer) => ({ ...vault.versions("secret", path).at(-1)?.data, lease: "another 30" }),
      one
    ],
    ["is written meanwhile", undefined, one]
  ] as const)("removes no record that %s", ([, data, copied]) =>
    over("secret", (vault) =>
      Effect.gen(function* () {
        yield* put(one)
        if (data === undefined) vault.fault("conflict", { match: /POST secret\/data/ })
        else vault.write("secret", path, data(vault))
        assert.isFalse(yield* removeSame(copied))
        assert.isTrue(Option.isSome(yield* get))
      })
    )
  )

  it.live("is not possible in an engine of version 1, which stays as it is", () =>
    over("kv", (vault) =>
      Effect.gen(function* () {
        assert.isFalse(yield* create(one))
        assert.deepStrictEqual(vault.paths("kv"), [])
        yield* put(one)
        assert.isFalse(yield* removeSame(one))
        assert.isTrue(Option.isSome(yield* get))
      })
    )
  )
})
