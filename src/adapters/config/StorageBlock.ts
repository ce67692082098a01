import { Effect } from "effect"
import type { StorageSettings } from "../../ports/Configuration.ts"
import { storageBackendNames } from "../../ports/StorageBackend.ts"
import type { Block } from "./Cursor.ts"
import { Findings } from "./Findings.ts"
import { readVault, readVaultWithoutUrl, vaultFields } from "./VaultFields.ts"

const backends = ["auto", ...storageBackendNames] as const

/** The fields of the `tokenStorage` block. Any other is reported as unknown. */
export const storageFields = ["backend", "password", ...vaultFields]

/**
 * Reads the `tokenStorage` block. Without fields it has the defaults. Errors of Vault's settings count only if Vault may
 * be used: a `VAULT_...` variable that is meant for another program does not disturb another backend.
 */
export const readStorage = Effect.fnUntraced(function* (block: Block): Effect.fn.Return<StorageSettings> {
  const { findings } = block
  block.warnUnknown(storageFields)
  const named = yield* block.oneOf("backend", backends)
  const backend = block.has("backend") ? named : "auto"
  const password = yield* block.secret("password")

  const isNamed = backend === "vault"
  if (findings.access === "deferred") {
    return { backend: backend ?? "auto", password, vault: yield* readVault(block, { isNamed }) }
  }
  const vaultFindings = new Findings(findings.access)
  const vault = yield* readVault(block.reportingTo(vaultFindings), { isNamed })
  if (isNamed || backend === "auto") findings.issues.push(...vaultFindings.issues)
  // Its errors count once there is an address.
  const others =
    vault === undefined && backend === "auto"
      ? { vaultWithoutUrl: yield* readVaultWithoutUrl(block.reportingTo(new Findings(findings.access))) }
      : {}
  return { backend: backend ?? "auto", password, vault, ...others }
})
