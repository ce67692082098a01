import { describe } from "@effect/vitest"
import { Effect } from "effect"
import { overLive } from "../adapters/store/vault/VaultWorld.ts"
import { hasNamespaces, hasVault, liveVault } from "../servers/OpenBao.ts"
import { shared } from "../servers/shared.ts"
import { credentialLockContract } from "./CredentialLockContract.ts"
import { credentialStoreContract } from "./CredentialStoreContract.ts"

describe.skipIf(!hasVault)("a live Vault (needs scripts/test-servers.sh)", () => {
  const vault = shared(liveVault)
  for (const [name, layer] of [
    ["key-value version 1", overLive(vault, 1)],
    ["key-value version 2", overLive(vault, 2)]
  ] as const) {
    credentialStoreContract(`a live Vault with ${name}`, layer)
    credentialLockContract(`a live Vault with ${name}`, layer)
  }
})

describe.skipIf(!hasNamespaces)("a namespace of a live OpenBao (needs scripts/test-servers.sh)", () => {
  const bao = shared(
    Effect.tap(liveVault, ({ send }) => Effect.promise(() => send("POST", "sys/namespaces/team")))
  )
  const layer = overLive(bao, 2, "team")
  credentialStoreContract("a live Vault with a namespace", layer)
  credentialLockContract("a live Vault with a namespace", layer)
})
