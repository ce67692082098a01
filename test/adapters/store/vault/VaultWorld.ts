import { execFileSync } from "node:child_process"
import { randomUUID } from "node:crypto"
import { join } from "node:path"
import { Effect, Layer, Redacted } from "effect"
import * as MemoryLock from "../../../../src/adapters/lock/MemoryLock.ts"
import * as VaultStore from "../../../../src/adapters/store/vault/VaultStore.ts"
import type { VaultSettings } from "../../../../src/ports/Configuration.ts"
import { temporaryFolder } from "../../TemporaryFolder.ts"
import type { LiveVault } from "../../../servers/OpenBao.ts"
import { startVaultServer, type VaultServer } from "../../../servers/VaultServer.ts"

/** The settings of a user who has a token for a server. */
export const settingsFor = (
  { rootToken, url }: Pick<VaultServer, "rootToken" | "url">,
  changes: Partial<VaultSettings> = {}
): VaultSettings => ({
  url,
  mountPoint: "secret",
  pathPrefix: "mcp-cli/oauth",
  namespace: undefined,
  kvVersion: undefined,
  auth: { method: "token", token: Redacted.make(rootToken), tokenFile: undefined },
  tls: { caCert: undefined, clientCert: undefined, clientKey: undefined, skipVerify: false },
  ...changes
})

/** A certificate for this machine, signed by itself, and its key: two files. */
export const selfSigned = Effect.gen(function* () {
  const folder = yield* temporaryFolder
  const key = join(folder, "key.pem")
  const certificate = join(folder, "certificate.pem")
  execFileSync(
    "openssl",
    ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"].concat(
      ["-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=vault.test"],
      ["-addext", "subjectAltName=IP:127.0.0.1"]
    ),
    { stdio: "ignore" }
  )
  return { key, certificate }
})

/** A double that ends with the scope; it has `kv/` of version 1 beside `secret/` of version 2. */
export const vaultDouble = (options?: Parameters<typeof startVaultServer>[0]) =>
  Effect.acquireRelease(
    Effect.promise(() => startVaultServer(options)),
    (vault) => Effect.promise(() => vault.close())
  )

/** One program, on a machine of its own, that keeps its sign-ins there. */
export const programOf = (settings: VaultSettings) =>
  Layer.fresh(VaultStore.layer(settings)).pipe(Layer.provide(Layer.fresh(MemoryLock.layer)))

/** A program over a double of its own, whose complaints are failures. */
export const overDouble = (changes: Partial<VaultSettings> = {}) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      yield* Effect.addFinalizer(() =>
        vault.violations.length === 0 ? Effect.void : Effect.die(new Error(vault.violations.join("; ")))
      )
      return programOf(settingsFor(vault, changes))
    })
  )

/** A program with a mount of its own on a live server, below a namespace if that is given. */
export const overLive = (vault: () => LiveVault, version: 1 | 2, namespace?: string) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const { send, url, rootToken } = vault()
      const mountPoint = `mcp-cli-test-${randomUUID()}`
      const mount = { type: "kv", options: { version: String(version) } }
      yield* Effect.acquireRelease(
        Effect.promise(() => send("POST", `sys/mounts/${mountPoint}`, mount, namespace)),
        () => Effect.promise(() => send("DELETE", `sys/mounts/${mountPoint}`, undefined, namespace))
      )
      return programOf(settingsFor({ url, rootToken }, { mountPoint, namespace }))
    })
  )
