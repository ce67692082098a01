import { Effect, Layer } from "effect"
import * as ForeignStores from "../adapters/foreign-tokens/ForeignStores.ts"
import * as KeyringProcess from "../adapters/store/keyring/KeyringProcess.ts"
import * as SystemKeyring from "../adapters/store/keyring/SystemKeyring.ts"
import { ForeignKeyring } from "../ports/ForeignKeyring.ts"
import { ClientFiles } from "../ports/ClientFiles.ts"
import { Configuration, hasVaultCredentials } from "../ports/Configuration.ts"
import { ForeignVault } from "../ports/ForeignVault.ts"
import { UserInteraction } from "../ports/UserInteraction.ts"
import { keyrings } from "./StorageLive.ts"

/** The keyring of the operating system, for what other programs have in it. */
const keyring = Layer.unwrap(
  Effect.gen(function* () {
    const backend = keyrings[process.platform]
    if (backend === undefined) {
      return Layer.succeed(ForeignKeyring, ForeignKeyring.of({ find: () => Effect.succeed([]) }))
    }
    const user = yield* UserInteraction
    const tell = user.present ? (line: string) => user.tell(line) : undefined
    return SystemKeyring.layer.pipe(Layer.provide(KeyringProcess.layer({ backend, tell })))
  })
)

/** The Vault of the configuration or of the environment, for what other programs have in it. */
const vault = Layer.unwrap(
  Effect.gen(function* () {
    const settings = yield* Configuration.use((file) => file.tokenStorage)
    const user = yield* UserInteraction
    if (settings.vault === undefined || !hasVaultCredentials(settings.vault.auth)) {
      return Layer.succeed(ForeignVault, ForeignVault.of({ read: () => Effect.undefined }))
    }
    const ForeignSecrets = yield* Effect.promise(() => import("../adapters/store/vault/ForeignSecrets.ts"))
    return ForeignSecrets.layer(settings.vault, (line) => user.tell(line))
  })
)

/** The sign-ins of other programs on this machine. */
export const foreignTokens = Layer.unwrap(
  Effect.map(ClientFiles, ({ platform }) => ForeignStores.layer(platform))
).pipe(Layer.provide([keyring, vault]))
