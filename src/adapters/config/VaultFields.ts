import { Effect } from "effect"
import type { VaultSettings } from "../../ports/Configuration.ts"
import type { Block } from "./Cursor.ts"
import { readVaultAuth } from "./VaultAuthBlock.ts"
import { vaultPath, vaultPathProblem } from "./VaultPath.ts"
import { addressesIn, parseBool, readFileSetting, readSetting, readVariable } from "./VaultVariables.ts"

/** The fields of `tokenStorage` for Vault. */
export const vaultFields = [
  "vaultUrl",
  "vaultToken",
  "vaultTokenFile",
  "vaultMountPoint",
  "vaultPathPrefix",
  "vaultNamespace",
  "vaultKvVersion",
  "vaultCaCert",
  "vaultClientCert",
  "vaultClientKey",
  "vaultSkipVerify",
  "vaultAuth"
]

const defaultMountPoint = "secret"
const defaultPathPrefix = "mcp-cli/oauth"

const readKvVersion = (block: Block): 1 | 2 | undefined => {
  const { value } = block.field("vaultKvVersion")
  if (value === 1 || value === 2) return value
  return block.has("vaultKvVersion") ? block.error("vaultKvVersion", "must be 1 or 2") : undefined
}

/**
 * Reports fields that decide which certificates are accepted, in a file that was found in the working directory and names no
 * address: they would weaken the connection to the user's own Vault, which gets the user's own token.
 */
const checkTls = (block: Block): void => {
  const { access } = block.findings
  if (typeof access === "string" || !access.wasFound || block.has("vaultUrl")) return
  for (const name of ["vaultCaCert", "vaultSkipVerify"]) {
    if (block.has(name)) {
      block.error(
        name,
        "needs a vaultUrl beside it: this file was found in the working directory, and VAULT_ADDR is not its address"
      )
    }
  }
}

/**
 * Reads the Vault fields of the `tokenStorage` block. The variables that the command lines of Vault and OpenBao read
 * replace absent fields. Undefined: there is no address of Vault, or there are errors.
 *
 * @param options.isNamed The configuration names Vault as the backend, so that the address is required.
 */
export const readVault = Effect.fnUntraced(function* (
  block: Block,
  { isNamed }: { readonly isNamed: boolean }
): Effect.fn.Return<VaultSettings | undefined> {
  const { findings } = block
  const isDeferred = findings.access === "deferred"
  const errorsBefore = findings.issues.length
  const address = yield* readSetting(block, "vaultUrl")
  if (address === undefined && !isDeferred) {
    if (!isNamed) return undefined
    block.require("vaultUrl", "set it, or VAULT_ADDR")
  }
  const settings = yield* readVaultWithoutUrl(block)
  if (address?.text === undefined || settings === undefined || findings.issues.length > errorsBefore) {
    return undefined
  }
  const [url = address.text, ...others] = addressesIn(address.text)
  return {
    url: new URL(url),
    ...(others.length === 0 ? {} : { otherUrls: others.map((other) => new URL(other)) }),
    ...(block.has("vaultUrl") ? {} : { isUrlFromEnvironment: true }),
    ...settings
  }
})

/** Reads the Vault fields but for the address. Undefined: there are errors. */
export const readVaultWithoutUrl = Effect.fnUntraced(function* (
  block: Block
): Effect.fn.Return<Omit<VaultSettings, "url"> | undefined> {
  const { findings } = block
  const isDeferred = findings.access === "deferred"
  const errorsBefore = findings.issues.length
  checkTls(block)
  const mountPoint = yield* block.string("vaultMountPoint", vaultPathProblem)
  const pathPrefix = yield* block.string("vaultPathPrefix", vaultPathProblem)
  const namespace = yield* readSetting(block, "vaultNamespace")
  const kvVersion = readKvVersion(block)
  const caCert = yield* readFileSetting(block, "vaultCaCert")
  const caCertText = caCert === undefined ? yield* readVariable(block, "caCertText") : undefined
  const caPath = caCert === undefined ? yield* readVariable(block, "caPath") : undefined
  const clientCert = yield* readFileSetting(block, "vaultClientCert")
  const clientKey = yield* readFileSetting(block, "vaultClientKey")
  if (!isDeferred && clientCert !== undefined && clientKey === undefined) {
    block.require("vaultClientKey", "the client certificate needs it, or VAULT_CLIENT_KEY")
  }
  if (!isDeferred && clientKey !== undefined && clientCert === undefined) {
    block.require("vaultClientCert", "the client key needs it, or VAULT_CLIENT_CERT")
  }
  const skipVerify = block.has("vaultSkipVerify")
    ? block.boolean("vaultSkipVerify")
    : parseBool((yield* readVariable(block, "vaultSkipVerify"))?.text ?? "")
  const auth = yield* readVaultAuth(block)

  if (auth === undefined || findings.issues.length > errorsBefore) return undefined
  const { access } = findings
  const wasFound = typeof access !== "string" && access.wasFound
  return {
    ...(wasFound ? { ofFolder: { url: block.has("vaultUrl"), namespace: block.has("vaultNamespace") } } : {}),
    mountPoint: vaultPath(mountPoint ?? defaultMountPoint),
    pathPrefix: vaultPath(pathPrefix ?? defaultPathPrefix),
    namespace: namespace?.text,
    kvVersion,
    auth,
    tls: {
      caCert: caCert?.text,
      ...(caCertText?.text === undefined ? {} : { caCertText: caCertText.text }),
      ...(caPath?.text === undefined ? {} : { caPath: caPath.text }),
      clientCert: clientCert?.text,
      clientKey: clientKey?.text,
      skipVerify: skipVerify ?? false
    }
  }
})
