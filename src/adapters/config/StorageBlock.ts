import { Effect } from "effect"
import type { StorageSettings } from "../../ports/Configuration.ts"
import { storageBackendNames } from "../../ports/StorageBackend.ts"
import type { Block } from "./Cursor.ts"
import { type Environment, Findings } from "./Findings.ts"
import { readVault, readVaultWithoutUrl, vaultFields } from "./VaultFields.ts"

const backends = ["auto", ...storageBackendNames] as const

/** The fields of the `tokenStorage` block. Any other is reported as unknown. */
export const storageFields = ["backend", "password", ...vaultFields]

/** Access to the environment, and the names of the variables that were read with it and are set. */
const recording = (environment: Environment) => {
  const read = new Set<string>()
  const access: Environment = {
    ...environment,
    variable: (name) =>
      Effect.tap(environment.variable(name), (value) =>
        Effect.sync(() => {
          if (value !== undefined && value !== "") read.add(name)
        })
      )
  }
  return { access, read: read as ReadonlySet<string> }
}

/** The `vault...` fields. Their errors are apart: they count only if Vault may be used. */
const readVaultSettings = Effect.fnUntraced(function* (
  block: Block,
  access: Findings["access"],
  backend: StorageSettings["backend"] | undefined
) {
  const findings = new Findings(access)
  const isNamed = backend === "vault"
  const vault = yield* readVault(block.reportingTo(findings), { isNamed })
  const { issues } = findings
  if (vault !== undefined || backend !== "auto") return { issues, settings: { vault } }
  // Its errors count once there is an address.
  const others = yield* readVaultWithoutUrl(block.reportingTo(new Findings(access)))
  return { issues, settings: { vault, vaultWithoutUrl: others } }
})

/**
 * Reads the `tokenStorage` block. Without fields it has the defaults. Errors of Vault's settings count only if Vault may
 * be used: a `VAULT_...` variable that is meant for another program does not disturb another backend.
 */
export const readStorage = Effect.fnUntraced(function* (given: Block): Effect.fn.Return<StorageSettings> {
  const { findings } = given
  const { access } = findings
  given.warnUnknown(storageFields)
  const named = yield* given.oneOf("backend", backends)
  const backend = given.has("backend") ? named : "auto"
  if (typeof access === "string") {
    const password = yield* given.secret("password")
    const vault = yield* readVault(given, { isNamed: backend === "vault" })
    return { backend: backend ?? "auto", password, vault }
  }

  const ofPassword = recording(access)
  const passwordFindings = new Findings(ofPassword.access)
  const password = yield* given.reportingTo(passwordFindings).secret("password")
  findings.issues.push(...passwordFindings.issues)
  findings.plainSecrets.push(...passwordFindings.plainSecrets)

  const ofVault = recording(access)
  const { issues, settings } = yield* readVaultSettings(given, ofVault.access, backend)
  const mayUseVault = backend === "vault" || backend === "auto"
  if (mayUseVault) findings.issues.push(...issues)
  const variables = { password: [...ofPassword.read], vault: mayUseVault ? [...ofVault.read] : [] }
  return {
    backend: backend ?? "auto",
    password,
    ...settings,
    ...(variables.password.length + variables.vault.length === 0 ? {} : { variables })
  }
})
