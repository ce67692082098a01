import { Effect } from "effect"
import type { StorageSettings } from "../../ports/Configuration.ts"
import { storageBackendNames } from "../../ports/StorageBackend.ts"
import { Findings, has, type JsonObject, oneOf, secret, string } from "./Fields.ts"
import { readVault, vaultFields } from "./VaultFields.ts"

/** The fields of `tokenStorage`. */
export const storageFields = ["backend", "password", ...vaultFields]

const backends = ["auto", ...storageBackendNames] as const

/**
 * Reads the `tokenStorage` block; `{}` gives the defaults. What is wrong with Vault is told only where it may be used:
 * a variable for other programs does not stop one that keeps its tokens elsewhere.
 */
export const readStorage = Effect.fnUntraced(function* (
  findings: Findings,
  path: string,
  fields: JsonObject
): Effect.fn.Return<StorageSettings> {
  const text = yield* string(findings, path, fields, "backend", oneOf(backends))
  const backend = has(fields, "backend") ? backends.find((known) => known === text) : "auto"
  const password = yield* secret(findings, path, fields, "password")

  const isOnlyChecked = findings.environment === undefined
  const ofVault = isOnlyChecked ? findings : new Findings(findings.environment)
  const vault = yield* readVault(ofVault, path, fields, { isNamed: backend === "vault" })
  if (!isOnlyChecked && (backend === "auto" || backend === "vault")) {
    findings.issues.push(...ofVault.issues)
  }
  return { backend: backend ?? "auto", password, vault }
})
