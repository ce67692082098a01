import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as ForeignSecrets from "../../../../src/adapters/store/vault/ForeignSecrets.ts"
import { ForeignVault } from "../../../../src/ports/ForeignVault.ts"
import { settingsFor, vaultDouble } from "./VaultWorld.ts"

describe("the secrets of other programs in Vault", () => {
  it.live("are read at their own mount and path, whatever the settings of this program", () =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      vault.write("secret", "mcp-cli/oauth/notion", { access_token: "at", token_type: "Bearer" })
      vault.write("kv", "mcp-cli/oauth/notion", { access_token: "first version" })
      const { read } = yield* ForeignVault.pipe(
        Effect.provide(
          ForeignSecrets.layer(settingsFor(vault, { mountPoint: "kv", pathPrefix: "elsewhere" }))
        )
      )
      assert.deepStrictEqual(yield* read("secret", "mcp-cli/oauth", "notion"), {
        access_token: "at",
        token_type: "Bearer"
      })
      assert.deepStrictEqual(yield* read("kv", "mcp-cli/oauth", "notion"), { access_token: "first version" })
      assert.isUndefined(yield* read("secret", "mcp-cli/oauth", "none"))
      const { message } = yield* Effect.flip(read("absent", "mcp-cli/oauth", "notion"))
      assert.match(message, /absent/)
    })
  )
})
